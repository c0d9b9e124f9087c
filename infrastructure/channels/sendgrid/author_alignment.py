"""Whether somebody vouches for the author of a mail (RFC 7489, 3.1: identifier alignment)."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.addresses import Address, ChannelType, ascii_domain
from domain.errors import InvalidAddressError
from infrastructure.channels.sendgrid.header_text import Mailbox
from infrastructure.channels.sendgrid.mail import Relay

if TYPE_CHECKING:
    from tldextract import TLDExtract

# SendGrid writes {@example.com : pass}, several of them one way or another, or "none".
_RESULT = re.compile(r"@([^\s:{},@]{1,255})\s{0,9}:\s{0,9}([a-z]{1,20})", re.IGNORECASE)
_BETWEEN_RESULTS = re.compile(r"[\s{},]*")


def is_author_authenticated(authors: tuple[Mailbox, ...], relay: Relay) -> bool:
    """Whether DKIM or SPF passed for a domain that is aligned with the one author's.

    SPF speaks for the envelope sender. Nobody vouches for several authors at once.
    """
    if len(authors) != 1:
        return False
    author = _domain_of(authors[0].address)
    if author is None:
        return False
    aligning = dkim_passes(relay.dkim)
    if relay.spf.strip().lower() == "pass":
        aligning = (*aligning, *filter(None, [_domain_of(relay.envelope.sender or "")]))
    return any(are_aligned(author, domain) for domain in aligning)


def dkim_passes(statuses: str) -> tuple[str, ...]:
    """The domains whose DKIM signature passed; none if the text is not of the known form."""
    if _BETWEEN_RESULTS.fullmatch(_RESULT.sub("", statuses)) is None:
        return ()
    passed = (domain for domain, status in _RESULT.findall(statuses) if status.lower() == "pass")
    return tuple(_ascii_domains(passed))


def are_aligned(one: str, other: str) -> bool:
    """Relaxed alignment: both domains, in ASCII, belong to one organisation."""
    return one == other or organisational_domain(one) == organisational_domain(other)


@lru_cache(maxsize=4096)
def organisational_domain(domain: str) -> str:
    """The domain that somebody registered: one label more than its public suffix.

    A public suffix itself, or an IP address, is its own organisation.
    """
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


def _ascii_domains(domains: Iterable[str]) -> Iterable[str]:
    for domain in domains:
        try:
            yield ascii_domain(domain)
        except InvalidAddressError:
            continue
