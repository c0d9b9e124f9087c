"""Addresses as arguments: read, normalised, and refused with the form that is expected."""

import re

import click

from domain.addresses import Address, AddressKind, ChannelType
from domain.errors import InvalidAddressError

CHANNELS = tuple(channel.value for channel in ChannelType)

_SENDERS = {
    ChannelType.SMS: "a number like +14155550123, a short code or a sender name",
    ChannelType.WHATSAPP: "a number like +14155550123 or a user id like US.13491208655302741918",
    ChannelType.EMAIL: "an address like ana@example.com",
}
_RECIPIENTS = {
    ChannelType.SMS: "a number like +15005550006 or a short code",
    ChannelType.WHATSAPP: "a number like +15005550010",
    ChannelType.EMAIL: "an address like help@example.com",
}
_NO_SENDERS = frozenset({AddressKind.OTHER})
_NO_RECIPIENTS = _NO_SENDERS | {AddressKind.ALPHANUMERIC, AddressKind.WHATSAPP_USER_ID}
_MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def sender_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of somebody who writes, or a usage error."""
    return _read(channel, text, option, _NO_SENDERS, _SENDERS[channel])


def recipient_address(channel: ChannelType, text: str, option: str) -> str:
    """The normalised address of whom they write to, or a usage error."""
    return _read(channel, text, option, _NO_RECIPIENTS, _RECIPIENTS[channel])


def recipient_or_service(channel: ChannelType, text: str, option: str) -> str:
    """What a conversation may have as its recipient: on Twilio's channels also a service."""
    if channel is not ChannelType.EMAIL and is_messaging_service(text):
        return text
    return recipient_address(channel, text, option)


def is_messaging_service(text: str) -> bool:
    """Whether ``text`` is the id of a Twilio Messaging Service."""
    return _MESSAGING_SERVICE.fullmatch(text) is not None


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
