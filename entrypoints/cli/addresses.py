"""Addresses as arguments: read, normalised, and refused with the form that is expected."""

import re

import click

from domain.addresses import Address, AddressKind, ChannelType
from domain.errors import InvalidAddressError

CHANNELS = tuple(channel.value for channel in ChannelType)

_EXPECTED = {
    ChannelType.SMS: "a number like +14155550123, a short code or a sender name",
    ChannelType.WHATSAPP: "a number like +14155550123 or a user id like US.13491208655302741918",
    ChannelType.EMAIL: "an address like ana@example.com",
}
_MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def sender_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of somebody who writes, or a usage error."""
    try:
        address = Address.parse(channel, text)
    except InvalidAddressError as error:
        raise _refused(channel, option, f"{error}; expected") from error
    if address.kind is AddressKind.OTHER:
        raise _refused(channel, option, f"{text!r} is no address on this channel; expected")
    return address.value


def recipient_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of whom they write to; on Twilio's channels also a service."""
    if channel is not ChannelType.EMAIL and is_messaging_service(text):
        return text
    return sender_address(channel, text, option)


def is_messaging_service(text: str) -> bool:
    """Whether ``text`` is the id of a Twilio Messaging Service."""
    return _MESSAGING_SERVICE.fullmatch(text) is not None


def _refused(channel: ChannelType, option: str, reason: str) -> click.BadParameter:
    return click.BadParameter(f"{reason} {_EXPECTED[channel]}", param_hint=f"'{option}'")
