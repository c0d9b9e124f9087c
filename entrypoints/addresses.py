"""Addresses that a caller gives: read, normalised, and refused with the form that is expected."""

from contextlib import suppress

from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.errors import InvalidAddressError

_NO_SENDERS = {AddressKind.OTHER}
_NO_RECIPIENTS = {AddressKind.OTHER, AddressKind.ALPHANUMERIC, AddressKind.WHATSAPP_USER_ID}


def sender_address(channel: ChannelType, text: str) -> str:
    """The normalised address of a sender. Raises ``InvalidAddressError``."""
    return _read(channel, text, _NO_SENDERS, channel.rules.sender_forms)


def recipient_address(channel: ChannelType, text: str) -> str:
    """The normalised address of whom they write to. Raises ``InvalidAddressError``."""
    return _read(channel, text, _NO_RECIPIENTS, channel.rules.recipient_forms)


def recipient_or_service(channel: ChannelType, text: str) -> str:
    """What a conversation may have as its recipient: also the id of a group of recipients.

    Raises ``InvalidAddressError``.
    """
    pattern = channel.rules.service_pattern
    if pattern is not None and pattern.fullmatch(text):
        return text
    return recipient_address(channel, text)


def _read(channel: ChannelType, text: str, refused: set[AddressKind], expected: str) -> str:
    with suppress(InvalidAddressError):
        address = Address.parse(channel, text)
        if address.kind not in refused:
            return address.value
    raise InvalidAddressError(f"{text!r} does not fit {channel}: expected {expected}")
