"""The channels, and what differs between them, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import UnsupportedChannelError


class ChannelType(StrEnum):
    """A way on which customers write to a company."""

    WHATSAPP = "whatsapp"
    SMS = "sms"
    EMAIL = "email"

    @property
    def rules(self) -> "ChannelRules":
        """What this channel does in its own way."""
        return _RULES[self]


_CHANNEL_NAMES = {channel.value: channel for channel in ChannelType}


def channel_in_path(path: str) -> ChannelType:
    """The channel named by the last path segment that names one, in any case.

    ``/prod/v1/Webhooks/SMS`` is SMS; ``/smsx`` raises ``UnsupportedChannelError``.
    """
    for segment in reversed(path.lower().split("/")):
        if channel := _CHANNEL_NAMES.get(segment):
            return channel
    raise UnsupportedChannelError("the path names no channel")


class AddressKind(StrEnum):
    """What sort of address it is; some sorts can never be answered."""

    E164 = "e164"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"
    WHATSAPP_USER_ID = "whatsapp_user_id"
    EMAIL = "email"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """What one channel does in its own way.

    Of ``address_kinds`` the first pattern that matches decides. ``scheme`` may stand before
    an address and is no part of it. ``look_up_variants`` are other forms of an address, as
    patterns with their replacements. ``recipient_pattern`` tells recipients of this channel
    from others in the tenants file, and ``service_pattern`` the id of a group of recipients.

    On a channel with ``one_message_per_recipient`` the provider delivers one message to each
    recipient under the same id. ``has_threads`` is true where a message names those before
    it. An answer goes to the normalised address with ``answers_normalised_address``, else to
    the provider's own text of it. ``author_chooses_message_id``: the id may hold anything, and
    logs show a hash of it. ``senders_have_names`` beside their addresses: ``Ana <ana@b.example>``.

    ``name`` is the channel as people write it. ``sender_forms`` and ``recipient_forms`` say in
    words which addresses there are. ``example_sender`` and ``example_recipient`` take part in
    the demo.
    """

    name: str
    address_kinds: tuple[tuple[AddressKind, re.Pattern[str]], ...]
    scheme: str = ""
    look_up_variants: tuple[tuple[re.Pattern[str], str], ...] = ()
    recipient_pattern: re.Pattern[str]
    service_pattern: re.Pattern[str] | None = None
    one_message_per_recipient: bool = False
    has_threads: bool = False
    answers_normalised_address: bool = False
    author_chooses_message_id: bool = False
    senders_have_names: bool = False
    sender_forms: str
    recipient_forms: str
    example_sender: str
    example_recipient: str
    example_unknown_sender: str


_MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")

# What Twilio delivers besides: an agent or page of another channel with its scheme
# (``rcs:agent``), a number that is not quite E.164, the id of a Messaging Service.
_OTHER_FORMS = rf"[a-z][a-z0-9.-]{{0,30}}:\S+|\+?[0-9]{{1,20}}|{_MESSAGING_SERVICE.pattern}"

_PHONE_RECIPIENT = re.compile(r"(?!.*@)(?:.*:.*|\+.*|MG.*|\d+)")

# The order matters where patterns overlap: digits alone are a short code, not a name.
_PHONE_KINDS = (
    (AddressKind.E164, re.compile(r"\+[1-9][0-9]{6,14}")),
    (AddressKind.SHORT_CODE, re.compile(r"[0-9]{3,8}")),
)

# WhatsApp and the telephone network disagree about a digit in three countries. A variant
# is only ever looked up, never stored.
_WHATSAPP_VARIANTS = (
    (re.compile(r"\+55([1-9][0-9])9([6-9][0-9]{7})"), r"+55\1\2"),
    (re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})"), r"+55\g<1>9\2"),
    (re.compile(r"\+521([0-9]{10})"), r"+52\1"),
    (re.compile(r"\+52([2-9][0-9]{9})"), r"+521\1"),
    (re.compile(r"\+549([0-9]{10})"), r"+54\1"),
    (re.compile(r"\+54([1-8][0-9]{9})"), r"+549\1"),
)

_RULES: Final[Mapping[ChannelType, ChannelRules]] = {
    ChannelType.WHATSAPP: ChannelRules(
        name="WhatsApp",
        address_kinds=(
            *_PHONE_KINDS,
            (AddressKind.WHATSAPP_USER_ID, re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")),
            (
                AddressKind.OTHER,
                re.compile(rf"(?!whatsapp:)(?:{_OTHER_FORMS})|[A-Za-z0-9_.-]{{1,150}}"),
            ),
        ),
        scheme="whatsapp:",
        look_up_variants=_WHATSAPP_VARIANTS,
        recipient_pattern=_PHONE_RECIPIENT,
        service_pattern=_MESSAGING_SERVICE,
        sender_forms="a number like +14155550123 or a user id like US.13491208655302741918",
        recipient_forms="a number like +15005550010",
        example_sender="+14155550123",
        example_recipient="+15005550010",
        example_unknown_sender="+14155550177",
    ),
    ChannelType.SMS: ChannelRules(
        name="SMS",
        address_kinds=(
            *_PHONE_KINDS,
            (AddressKind.ALPHANUMERIC, re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")),
            # A sender's name has at most 11 characters (3GPP TS 23.040, 9.1.2.5), of any sort.
            (AddressKind.OTHER, re.compile(rf"{_OTHER_FORMS}|.{{1,11}}")),
        ),
        recipient_pattern=_PHONE_RECIPIENT,
        service_pattern=_MESSAGING_SERVICE,
        sender_forms="a number like +14155550123, a short code or a sender name",
        recipient_forms="a number like +15005550006 or a short code",
        example_sender="+14155550123",
        example_recipient="+15005550006",
        example_unknown_sender="+14155550177",
    ),
    ChannelType.EMAIL: ChannelRules(
        name="Email",
        address_kinds=((AddressKind.EMAIL, re.compile(r".+")),),
        recipient_pattern=re.compile(r".*@.*"),
        one_message_per_recipient=True,
        has_threads=True,
        answers_normalised_address=True,
        author_chooses_message_id=True,
        senders_have_names=True,
        sender_forms="an address like ana@example.com",
        recipient_forms="an address like help@example.com",
        example_sender="ana@example.com",
        example_recipient="help@frontdesk.example",
        example_unknown_sender="ben@example.com",
    ),
}
