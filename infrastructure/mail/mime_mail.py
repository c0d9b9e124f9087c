"""The texts and files of a MIME message."""

from collections.abc import Iterable
from dataclasses import dataclass

from infrastructure.mail.charsets import decode
from infrastructure.mail.header_text import decode_words
from infrastructure.mail.mail_files import bare_content_id, referenced_content_ids
from infrastructure.mail.mime_parts import MimePart, MimeReader
from infrastructure.mail.parsed_mail import MailFile


@dataclass(frozen=True, slots=True)
class MimeContent:
    """What a MIME message holds. ``uncertain_charsets`` is as in ``ParsedMail``."""

    text: str | None
    html: str | None
    files: tuple[MailFile, ...]
    uncertain_charsets: tuple[str, ...]


def read_mime_content(raw: bytes) -> MimeContent:
    """The content of the MIME message ``raw``. Raises ``UnreadableMessageError``."""
    leaves = list(MimeReader(raw).parts())
    text, text_uncertain = _joined(leaves, "text/plain")
    html, html_uncertain = _joined(leaves, "text/html")
    uncertain = {"text": text_uncertain, "html": html_uncertain}
    return MimeContent(
        text,
        html,
        _files(leaves, referenced_content_ids(html)),
        tuple(name for name, is_uncertain in uncertain.items() if is_uncertain),
    )


def _is_body(leaf: MimePart, content_type: str) -> bool:
    return (
        leaf.content_type == content_type
        and leaf.disposition != "attachment"
        and leaf.filename is None
    )


def _joined(leaves: Iterable[MimePart], content_type: str) -> tuple[str | None, bool]:
    """The text of a kind (mailers cut it where they show images), and whether it is uncertain."""
    decoded = [
        decode(leaf.content, leaf.charset) for leaf in leaves if _is_body(leaf, content_type)
    ]
    text = "\n".join(part.text for part in decoded)
    return text or None, any(part.uncertain for part in decoded)


def _files(leaves: Iterable[MimePart], shown: frozenset[str]) -> tuple[MailFile, ...]:
    return tuple(
        _file(leaf, shown)
        for leaf in leaves
        if not (_is_body(leaf, "text/plain") or _is_body(leaf, "text/html"))
    )


def _file(leaf: MimePart, shown: frozenset[str]) -> MailFile:
    content_id = bare_content_id(leaf.content_id)
    return MailFile(
        filename=decode_words(leaf.filename) if leaf.filename else None,
        content_type=leaf.content_type,
        content=leaf.content,
        content_id=content_id,
        inline=leaf.disposition == "inline" or (content_id is not None and content_id in shown),
    )
