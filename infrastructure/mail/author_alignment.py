"""Whether the author of a mail is authenticated (RFC 7489, 3.1: identifier alignment)."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from infrastructure.mail.header_text import Mailbox
from infrastructure.mail.parsed_mail import Relay

if TYPE_CHECKING:
    from tldextract import TLDExtract

_BLANKS = re.compile(rb"\s*")
_AUTHOR_FIELD = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])from[ \t]*:", re.IGNORECASE)
_MAX_SEARCHED_BYTES = 1_048_576


def has_one_author_field(raw: bytes) -> bool:
    """Whether the relay found the author of ``raw`` in the same field as everybody else.

    We read mail whose headers end without an empty line. The attack: a mail that the victim's
    domain has signed for the attacker, below another author and a line that ends the headers
    for us and not for the relay. So all counts up to the first empty line that is certain.
    """
    begin = _BLANKS.match(raw)
    start = begin.end() if begin else 0
    ends = (raw.find(empty_line, start) for empty_line in (b"\r\n\r\n", b"\n\n"))
    end = next((end for end in ends if end != -1), len(raw))
    if end > _MAX_SEARCHED_BYTES:
        return False
    return len(_AUTHOR_FIELD.findall(raw, max(start - 1, 0), end)) == 1


def is_author_authenticated(authors: tuple[Mailbox, ...], relay: Relay) -> bool:
    """Whether DKIM or SPF passed for a domain that is aligned with the one author's.

    SPF authenticates the envelope sender. Several authors at once are never authenticated.
    """
    if len(authors) != 1:
        return False
    author = _domain_of(authors[0].address)
    if author is None:
        return False
    passed = relay.passed_dkim_domains
    if relay.spf.strip().lower() == "pass":
        passed = (*passed, *filter(None, [_domain_of(relay.envelope.sender or "")]))
    return any(are_aligned(author, domain) for domain in passed)


def are_aligned(one: str, other: str) -> bool:
    """Relaxed alignment: both domains, in ASCII, belong to one organisation."""
    return one == other or organisational_domain(one) == organisational_domain(other)


@lru_cache(maxsize=4096)
def organisational_domain(domain: str) -> str:
    """The domain that an organisation registered: one label more than its public suffix.

    A public suffix itself, or an IP address, is its own organisation.
    """
    if domain.startswith("["):
        return domain
    found = _extract()(domain)
    if found.top_domain_under_public_suffix:
        return found.top_domain_under_public_suffix
    labels = domain.split(".")
    if found.suffix or labels[-1].isdigit():
        return domain
    # A top-level domain that the list does not know: its default rule is "*".
    return ".".join(labels[-2:])


@lru_cache(maxsize=1)
def _extract() -> "TLDExtract":
    """The public suffix list that came with the package: no network, no cache files."""
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def _domain_of(text: str) -> str | None:
    try:
        return Address.parse(ChannelType.EMAIL, text.strip("<> ")).domain
    except InvalidAddressError:
        return None
