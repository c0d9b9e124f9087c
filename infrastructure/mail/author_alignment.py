"""Whether the author of a mail is authenticated (RFC 7489, 3.1: identifier alignment)."""

from functools import lru_cache
from typing import TYPE_CHECKING

from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from infrastructure.mail.header_text import Mailbox
from infrastructure.mail.parsed_mail import Relay

if TYPE_CHECKING:
    from tldextract import TLDExtract


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
