"""Who writes, and to whom: addresses as each channel has them."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from domain.channels import AddressKind, ChannelType
from domain.errors import InvalidAddressError

MAX_ADDRESS_LENGTH = 320
"""RFC 5321 allows 64 + 1 + 255 octets; every other kind is far shorter."""

_MOST_TO_NORMALIZE = 4 * MAX_ADDRESS_LENGTH
"""What is longer stays too long. The time that it takes grows with the square of its marks."""

# RFC 5321, 4.1.2 and 4.1.3. Some phone companies give names that need quotes ("ana..x").
_QUOTED = re.compile(r'"(?:(?P<plain>[^\s"(),:;<>@\[\\\]]+)|(?:[^"\\\r\n]|\\.)+)"')
_ADDRESS_LITERAL = re.compile(
    r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9a-f:.]{2,45})\]", re.IGNORECASE
)

_SEPARATOR = re.compile(r'[<>@,;:()\[\]\\"\s]')
_DOMAIN = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc, which never changes."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in the form that identifies a sender.

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
        candidate = _candidate(channel, text)
        for kind, pattern in channel.rules.address_kinds:
            if pattern.fullmatch(candidate):
                is_email = kind is AddressKind.EMAIL
                return cls(channel, kind, _normal_email(candidate) if is_email else candidate)
        raise InvalidAddressError(f"not an address of any form that {channel} has")

    @classmethod
    def uninterpreted(cls, channel: ChannelType, text: str) -> "Address":
        """``text`` in whatever form a provider gave it, or ``InvalidAddressError`` if it is none.

        None is a blank text, one that is too long, and one with control characters.
        """
        return cls(channel, AddressKind.OTHER, _candidate(channel, text))

    @property
    def is_of_known_form(self) -> bool:
        """Whether its channel has such addresses; an uninterpreted one may be anything."""
        if self.kind is not AddressKind.OTHER:
            return True
        return any(pattern.fullmatch(self.value) for _, pattern in self.channel.rules.address_kinds)

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
        for pattern, replacement in self.channel.rules.look_up_variants:
            if match := pattern.fullmatch(self.value):
                variants.append(match.expand(replacement))
        return tuple(variants)


def _candidate(channel: ChannelType, text: str) -> str:
    """``text`` without scheme and blanks around it."""
    candidate = text.strip()
    if len(candidate) <= _MOST_TO_NORMALIZE:
        candidate = unicodedata.normalize("NFC", candidate)
    scheme = channel.rules.scheme
    if scheme and candidate.lower().startswith(scheme):
        candidate = candidate[len(scheme) :]
    if not 0 < len(candidate) <= MAX_ADDRESS_LENGTH:
        raise InvalidAddressError(f"an address has 1 to {MAX_ADDRESS_LENGTH} characters")
    if _CONTROL_CHARACTER.search(candidate):
        raise InvalidAddressError("an address has no control characters")
    return candidate


def normal_value(channel: ChannelType, text: str) -> str:
    """``text`` in the form in which addresses of ``channel`` are compared.

    Other systems write addresses with a scheme or in another case. What cannot be an address
    stays as it is.
    """
    try:
        return Address.parse(channel, text).value
    except InvalidAddressError:
        return text


def normal_recipient(text: str) -> str:
    """A recipient as the tenant directory compares it, whatever its channel.

    A number, a Messaging Service, an agent with its scheme (``rcs:``), a mailbox or a domain.
    """
    for channel in ChannelType:
        if channel.rules.recipient_pattern.fullmatch(text):
            return Address.parse(channel, text).value
    return ascii_domain(text)


def _normal_email(text: str) -> str:
    local, separator, domain = text.rpartition("@")
    if quoted := _QUOTED.fullmatch(local):
        # Quotes that protect nothing are no part of the name (RFC 5321, 4.1.2).
        local = quoted["plain"] or local
    elif not local or _SEPARATOR.search(local):
        raise InvalidAddressError("an email address has the form name@domain, and stands alone")
    if not separator or not domain:
        raise InvalidAddressError("an email address has the form name@domain")
    literal = _ADDRESS_LITERAL.fullmatch(domain)
    return f"{local.lower()}@{domain.lower() if literal else ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """``domain`` in lower case and its ASCII form (IDNA), or ``InvalidAddressError``."""
    if domain.isascii() and _DOMAIN.fullmatch(plain := domain.rstrip(".").lower()):
        return plain
    try:
        ascii_form = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidAddressError("the domain of an email address is not valid") from error
    if not _DOMAIN.fullmatch(ascii_form):
        raise InvalidAddressError("the domain of an email address is not valid")
    return ascii_form


def normal_senders(channel: ChannelType, texts: Iterable[str | None]) -> tuple[str, ...]:
    """``texts`` as normalised addresses, without repetitions and gaps, in the same order."""
    return tuple(dict.fromkeys(normal_value(channel, text) for text in texts if text))
