"""Addresses as arguments of the command: what is none is a usage error."""

from collections.abc import Callable
from typing import TypeVar

import click

from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from entrypoints import addresses

CHANNELS = tuple(channel.value for channel in ChannelType)

Read = TypeVar("Read")


def sender_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of a sender, or a usage error."""
    return _read(addresses.sender_address, channel, text, option)


def stored_address(channel: ChannelType, text: str, option: str) -> Address:
    """An address in any form in which it may be stored, or a usage error."""
    return _read(addresses.stored_address, channel, text, option)


def recipient_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of whom they write to, or a usage error."""
    return _read(addresses.recipient_address, channel, text, option)


def recipient_or_service(channel: ChannelType, text: str, option: str) -> str:
    """What a conversation may have as its recipient: also the id of a group of recipients."""
    return _read(addresses.recipient_or_service, channel, text, option)


def _read(
    read: Callable[[ChannelType, str], Read], channel: ChannelType, text: str, option: str
) -> Read:
    try:
        return read(channel, text)
    except InvalidAddressError as error:
        raise click.BadParameter(str(error), param_hint=f"'{option}'") from None
