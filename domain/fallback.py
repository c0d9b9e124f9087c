"""When Frontdesk may send a fallback: rarely, and never to a machine."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.addresses import Address
from domain.automated_mail import (
    NotableHeaders,
    Suppression,
    is_machine_mailbox,
    sign_of_automated_mail,
)
from domain.channels import AddressKind, ChannelType
from domain.messages import InboundMessage

STALE_AFTER = timedelta(hours=1)
"""A fallback for an older message would surprise its sender."""

# Twilio answers these itself, and answering over it breaks the opt-out (error 21610).
_OPT_OUT_WORDS = frozenset(
    {
        *("stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"),
        *("start", "yes", "unstop"),
        *("help", "info"),
    }
)
_KINDS_WITHOUT_FALLBACK = {
    AddressKind.SHORT_CODE: Suppression.SHORT_CODE,
    AddressKind.ALPHANUMERIC: Suppression.ALPHANUMERIC_SENDER,
    AddressKind.OTHER: Suppression.UNKNOWN_SCHEME,
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """A text that Frontdesk itself sends to one sender, once.

    ``to`` is the provider's text of the sender's address and ``sent_from`` the address that
    was written to. ``in_reply_to``, ``references`` and ``subject`` thread an email.
    """

    channel: ChannelType
    account: str
    to: str
    sent_from: str
    text: str
    subject: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """The companies' own addresses and mail domains: a fallback to one would start a loop."""

    values: Collection[str]

    def include(self, address: Address) -> bool:
        """Whether ``address``, or its mail domain, is one of the companies'."""
        return (
            address.value in self.values
            or address.counting_key in self.values
            or (address.domain != "" and address.domain in self.values)
        )


def suppression_of_fallback(
    message: InboundMessage, own: OwnAddresses, now: datetime
) -> Suppression | None:
    """Why ``message`` must not be answered automatically; ``None`` if it may be."""
    if _is_our_own(message, own):
        return Suppression.OWN_ADDRESS
    if now - message.received_at > STALE_AFTER:
        return Suppression.STALE
    if message.mail is not None:
        return _suppression_of_mail(message, message.mail)
    return _suppression_of_text_message(message)


def _suppression_of_text_message(message: InboundMessage) -> Suppression | None:
    if message.regrouping_suspected:
        return Suppression.UNAUTHENTICATED_AUTHOR
    if message.opt_out_type is not None:
        return Suppression.OPT_OUT_TYPE
    if message.body.strip().lower() in _OPT_OUT_WORDS:
        return Suppression.OPT_OUT_WORD
    return _KINDS_WITHOUT_FALLBACK.get(message.sender.kind)


def _suppression_of_mail(
    message: InboundMessage, notable_headers: NotableHeaders
) -> Suppression | None:
    if is_machine_mailbox(message.sender.local_part):
        return Suppression.MACHINE_MAILBOX
    if sign := sign_of_automated_mail(notable_headers):
        return sign
    return None if message.author_authenticated else Suppression.UNAUTHENTICATED_AUTHOR


def _is_our_own(message: InboundMessage, own: OwnAddresses) -> bool:
    return (
        message.sender.value in message.recipient.keys
        or _is_within(message.recipient.address, message.sender.domain)
        or any(own.include(identity) for identity in message.author_addresses)
    )


def _is_within(recipient: str, domain: str) -> bool:
    """Whether the mailbox ``recipient`` is in ``domain`` or below it: colleagues and our robots."""
    return domain != "" and recipient.endswith((f"@{domain}", f".{domain}"))
