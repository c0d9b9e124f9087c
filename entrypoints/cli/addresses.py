"""Addresses as arguments: read, normalised, and refused with the form that is expected."""

import click

from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.errors import InvalidAddressError

CHANNELS = tuple(channel.value for channel in ChannelType)

_NO_SENDERS = frozenset({AddressKind.OTHER})
_NO_RECIPIENTS = _NO_SENDERS | {AddressKind.ALPHANUMERIC, AddressKind.WHATSAPP_USER_ID}


def sender_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of a sender, or a usage error."""
    return _read(channel, text, option, _NO_SENDERS, channel.rules.sender_forms)


def recipient_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of whom they write to, or a usage error."""
    return _read(channel, text, option, _NO_RECIPIENTS, channel.rules.recipient_forms)


def recipient_or_service(channel: ChannelType, text: str, option: str) -> str:
    """What a conversation may have as its recipient: also the id of a group of recipients."""
    pattern = channel.rules.service_pattern
    if pattern is not None and pattern.fullmatch(text):
        return text
    return recipient_address(channel, text, option)


def _read(
    channel: ChannelType, text: str, option: str, refused: frozenset[AddressKind], expected: str
) -> str:
    try:
        address = Address.parse(channel, text)
    except InvalidAddressError:
        address = None
    if address is None or address.kind in refused:
        raise click.BadParameter(
            f"{text!r} does not fit {channel}: expected {expected}", param_hint=f"'{option}'"
        )
    return address.value
