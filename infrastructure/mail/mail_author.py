"""Who wrote a mail: from its headers, also where they are out of order or were rewritten."""

import html as entities
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError, UnreadableMessageError
from infrastructure.mail.author_alignment import is_author_authenticated
from infrastructure.mail.header_text import Mailbox, decode_words, mailboxes
from infrastructure.mail.parsed_mail import ParsedMail

_PLAIN_ADDRESS = re.compile(r"[^\s<>()\[\]\"',:;@\\]{1,64}+@[^\s<>()\[\]\"',:;@\\]{1,255}")
_MAX_SEARCHED = 2_000
# What readers see as signs of an address, and what they do not see.
_AS_SEEN = str.maketrans(
    {"\uff20": "@", "\uff1c": "<", "\uff1e": ">"}
    | dict.fromkeys(map(chr, (0xAD, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF)))
)
_WRITTEN_BY_A_LIST = re.compile(r"\S['\"]? \(?via \S", re.IGNORECASE)
_LIST_HEADERS = ("list-post", "x-beenthere", "mailing-list")
_SPACED_AT = re.compile(r"\s+@\s*|@\s+")
_ORIGINAL_AUTHOR_HEADERS = ("x-original-from", "reply-to", "x-original-sender")


@dataclass(frozen=True, slots=True)
class MailAuthor:
    """The author of a mail, and the address to answer as it is written.

    ``rewritten_from`` is the address of the mailing list that put itself in the author's place.
    It is the author's too where the mail does not say who that was.
    """

    address: Address
    verbatim: str
    is_authenticated: bool
    rewritten_from: str | None = None


def author_of(mail: ParsedMail) -> MailAuthor:
    """Who wrote ``mail``. Raises ``UnreadableMessageError`` where no address can be seen."""
    written = mail.authors[0].address if mail.authors else ""
    found = _parsed(written)
    if found is None:
        texts = [box.address for box in mail.authors] or mail.headers.get("from", ())
        seen = _plain_addresses(decode_words(text[:_MAX_SEARCHED]) for text in texts)
        if not texts or not (seen or mail.authors):
            raise UnreadableMessageError("the mail names no author")
        if len(seen) != 1:
            raise UnreadableMessageError("the author's address is not one")
        return MailAuthor(seen[0], seen[0].value, is_authenticated=False)
    if _is_rewritten(mail, found):
        original = _original_author(mail, found) or found
        return MailAuthor(original, original.value, False, found.value)
    is_authenticated = mail.has_one_author and is_author_authenticated(mail.authors, mail.relay)
    return MailAuthor(found, written, is_authenticated)


def _parsed(text: str) -> Address | None:
    if text.translate(_AS_SEEN) != text:
        return None
    try:
        return Address.parse(ChannelType.EMAIL, text)
    except InvalidAddressError:
        return None


def _plain_addresses(texts: Iterable[str]) -> list[Address]:
    """The addresses that a reader sees in ``texts``, once each."""
    seen = (entities.unescape(text).translate(_AS_SEEN) for text in texts)
    joined = (_SPACED_AT.sub("@", text) for text in seen)
    written = (match for text in joined for match in _PLAIN_ADDRESS.findall(text))
    found = (_parsed(text.strip(".")) for text in written)
    return list(dict.fromkeys(address for address in found if address and "." in address.domain))


def _is_rewritten(mail: ParsedMail, author: Address) -> bool:
    """Whether a mailing list put its own address where its author's was (for DMARC's sake)."""
    headers = ["x-original-from"]
    if _WRITTEN_BY_A_LIST.search(mail.authors[0].name or ""):
        headers.append("reply-to")
        if _is_named_in(mail, author, ("list-id",)):
            return True
    others = any(box != author for box in _boxes(mail, headers))
    return others or _is_named_in(mail, author, _LIST_HEADERS)


def _is_named_in(mail: ParsedMail, author: Address, headers: Iterable[str]) -> bool:
    values = " ".join(text for name in headers for text in mail.headers.get(name, ()))
    names = {author.value, author.value.replace("@", ".")}
    return not names.isdisjoint(re.split(r"[\s<>:,;?]+", values.lower()))


def _original_author(mail: ParsedMail, rewritten: Address) -> Address | None:
    """The one other address that the mail says it comes from, or that answers go to."""
    for header in _ORIGINAL_AUTHOR_HEADERS:
        others = {
            box
            for box in _boxes(mail, (header,))
            if box != rewritten and not _is_named_in(mail, box, (*_LIST_HEADERS, "list-id"))
        }
        if len(others) == 1:
            return others.pop()
    name, _, domain = rewritten.local_part.rpartition("=")  # ana=customer.example@lists.example
    return _parsed(f"{name}@{domain}") if "." in domain else None


def _boxes(mail: ParsedMail, headers: Iterable[str]) -> Iterator[Address]:
    """Also what only a reader sees as an address: else its list would pass for the author."""
    boxes: Iterable[Mailbox] = (
        box for name in headers for box in mailboxes(mail.headers.get(name, ()))
    )
    for text in (box.address for box in boxes):
        found = _parsed(text)
        yield from [found] if found else _plain_addresses([text[:_MAX_SEARCHED]])
