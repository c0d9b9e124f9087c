"""Who writes, and to whom: addresses as each channel has them."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidAddressError, UnsupportedChannelError


class ChannelType(StrEnum):
    """A way on which customers write to a company."""

    WHATSAPP = "whatsapp"
    SMS = "sms"
    EMAIL = "email"


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


MAX_ADDRESS_LENGTH = 320
"""RFC 5321 allows 64 + 1 + 255 octets; every other kind is far shorter."""

_WHATSAPP_SCHEME = "whatsapp:"

# What Twilio delivers besides: an agent or page of another channel with its scheme
# (``rcs:agent``), a number that is not quite E.164, the id of a Messaging Service.
_OTHER_FORMS = r"[a-z][a-z0-9.-]{0,30}:\S+|\+?[0-9]{1,20}|MG[0-9a-fA-F]{32}"

# The order matters where patterns overlap: digits alone are a short code, not a name.
_PHONE_KINDS: tuple[tuple[AddressKind, re.Pattern[str]], ...] = (
    (AddressKind.E164, re.compile(r"\+[1-9][0-9]{6,14}")),
    (AddressKind.SHORT_CODE, re.compile(r"[0-9]{3,8}")),
)
_CHANNEL_KINDS: dict[ChannelType, tuple[tuple[AddressKind, re.Pattern[str]], ...]] = {
    ChannelType.SMS: (
        *_PHONE_KINDS,
        (AddressKind.ALPHANUMERIC, re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")),
        # A sender's name has at most 11 characters (3GPP TS 23.040, 9.1.2.5), but of any sort.
        (AddressKind.OTHER, re.compile(rf"{_OTHER_FORMS}|.{{1,11}}")),
    ),
    ChannelType.WHATSAPP: (
        *_PHONE_KINDS,
        (AddressKind.WHATSAPP_USER_ID, re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")),
        (
            AddressKind.OTHER,
            re.compile(rf"(?!whatsapp:)(?:{_OTHER_FORMS})|[A-Za-z0-9_.-]{{1,150}}"),
        ),
    ),
}

# WhatsApp and the telephone network disagree about a digit in three countries. A variant
# is only ever looked up, never stored: (pattern, replacements to try).
_WHATSAPP_VARIANTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\+55([1-9][0-9])9([6-9][0-9]{7})"), r"+55\1\2"),
    (re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})"), r"+55\g<1>9\2"),
    (re.compile(r"\+521([0-9]{10})"), r"+52\1"),
    (re.compile(r"\+52([2-9][0-9]{9})"), r"+521\1"),
    (re.compile(r"\+549([0-9]{10})"), r"+54\1"),
    (re.compile(r"\+54([1-8][0-9]{9})"), r"+549\1"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address in the form that decides who somebody is.

    ``value`` has no scheme prefix, except for ``OTHER``, which keeps what is not interpreted:
    ``rcs:+14155550123`` must never match ``+14155550123``. Email addresses are lower case with
    the domain in its ASCII form; plus-tags stay, for they may tell people apart.
    """

    channel: ChannelType
    kind: AddressKind
    value: str

    @classmethod
    def parse(cls, channel: ChannelType, text: str) -> "Address":
        """Read ``text`` as an address of ``channel``, or raise ``InvalidAddressError``."""
        candidate = unicodedata.normalize("NFC", text.strip())
        if not candidate or len(candidate) > MAX_ADDRESS_LENGTH:
            raise InvalidAddressError(f"an address has 1 to {MAX_ADDRESS_LENGTH} characters")
        if any(unicodedata.category(character) == "Cc" for character in candidate):
            raise InvalidAddressError("an address has no control characters")
        if channel is ChannelType.EMAIL:
            return cls(channel, AddressKind.EMAIL, _normal_email(candidate))
        if channel is ChannelType.WHATSAPP and candidate.lower().startswith(_WHATSAPP_SCHEME):
            candidate = candidate[len(_WHATSAPP_SCHEME) :]
        if not candidate:
            raise InvalidAddressError("an address has more than a scheme")
        for kind, pattern in _CHANNEL_KINDS[channel]:
            if pattern.fullmatch(candidate):
                return cls(channel, kind, candidate)
        raise InvalidAddressError(f"not an address of any form that {channel} has")

    @property
    def domain(self) -> str:
        """The domain of an email address; empty for every other kind."""
        return self.value.rpartition("@")[2] if self.kind is AddressKind.EMAIL else ""

    @property
    def local_part(self) -> str:
        """The part of an email address before the ``@``; empty for every other kind."""
        return self.value.rpartition("@")[0] if self.kind is AddressKind.EMAIL else ""

    @property
    def counting_key(self) -> str:
        """One text per person for counting answers: plus-tags removed. Never an identity."""
        if self.kind is not AddressKind.EMAIL:
            return self.value
        return f"{self.local_part.partition('+')[0] or self.local_part}@{self.domain}"

    @property
    def look_up_values(self) -> tuple[str, ...]:
        """The values under which a conversation of this address may be filed, best first."""
        variants = [self.value]
        if self.channel is ChannelType.WHATSAPP and self.kind is AddressKind.E164:
            for pattern, replacement in _WHATSAPP_VARIANTS:
                if match := pattern.fullmatch(self.value):
                    variants.append(match.expand(replacement))
        return tuple(variants)


def normal_value(channel: ChannelType, text: str) -> str:
    """``text`` in the form in which addresses of ``channel`` are compared.

    Other systems write addresses with a scheme or in another case. What cannot be an address
    stays as it is.
    """
    try:
        return Address.parse(channel, text).value
    except InvalidAddressError:
        return text


def _normal_email(text: str) -> str:
    local, separator, domain = text.rpartition("@")
    if not (local and separator and domain) or "@" in local or any(c.isspace() for c in text):
        raise InvalidAddressError("an email address has the form name@domain")
    if any(c in '<>,;:()[]\\"' for c in text):
        raise InvalidAddressError("an email address stands alone, without a name or brackets")
    return f"{local.lower()}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """``domain`` in lower case and its ASCII form (IDNA), or ``InvalidAddressError``."""
    try:
        ascii_form = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidAddressError("the domain of an email address is not valid") from error
    if not re.fullmatch(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*", ascii_form):
        raise InvalidAddressError("the domain of an email address is not valid")
    return ascii_form
