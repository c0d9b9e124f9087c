"""The texts and files of a MIME message."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from domain.messages import AttachedFile
from infrastructure.mail.charsets import DecodedText, decode, is_blank
from infrastructure.mail.html_text import text_of_html, texts_of_html
from infrastructure.mail.mail_files import attached_file, bare_content_id, referenced_content_ids
from infrastructure.mail.mime_reader import MimePart, MimeReader
from infrastructure.mail.parsed_mail import MailContent, MisreadPart, MisreadReason

_META_CHARSET = re.compile(rb"<meta[^<>]{1,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_MAX_META_BYTES = 4_096
# What mailers write before the parts, for programs that cannot read them.
_FOR_OLD_PROGRAMS = re.compile(rb"\bmime\b|multi-?part", re.IGNORECASE)
_SHOWN = frozenset({"text/plain", "text/html"})


@dataclass(frozen=True, slots=True)
class _Text:
    """A part that is shown as text."""

    part: MimePart
    decoded: DecodedText

    @classmethod
    def of(cls, part: MimePart) -> Self:
        return cls(part, decode(part.content, _charset(part)))

    @property
    def is_html(self) -> bool:
        return self.part.content_type == "text/html"

    @property
    def says_anything(self) -> bool:
        text = self.decoded.text
        return not is_blank(text_of_html(text) if self.is_html else text)


def read_mime_content(reader: MimeReader) -> MailContent:
    """What a mail program shows of a mail, and its files. Raises ``UnreadableMessageError``.

    Mailers cut a text where they show images: its pieces are joined, HTML or not.
    """
    all_parts = list(reader.parts())
    parts = [part for part in all_parts if not part.outside]
    texts = [_Text.of(part) for part in parts if _is_shown(part)]
    named = [part for part in parts if _is_shown(part, named=True)]
    if len(named) > len(texts) and not any(text.says_anything for text in texts):
        # Gateways of phone companies give the only text a file name.
        texts = [_Text.of(part) for part in named]
    if len(all_parts) > len(parts) and not any(text.says_anything for text in texts):
        outside = [_Text.of(part) for part in all_parts if part.outside]
        texts = [
            text for text in outside if not _FOR_OLD_PROGRAMS.search(text.part.content)
        ] or texts
    shown = {id(text.part) for text in texts}
    html = "\n".join(text.decoded.text for text in texts if text.is_html) or None
    others = [part for part in parts if id(part) not in shown]
    ids = referenced_content_ids(html) if others else frozenset[str]()
    return MailContent(
        text=_joined(texts),
        html=html,
        files=tuple(_file(part, ids) for part in others),
        misread=tuple(_misread(texts)),
    )


def _is_shown(part: MimePart, *, named: bool = False) -> bool:
    is_file = part.disposition == "attachment" or (part.filename is not None and not named)
    return part.content_type in _SHOWN and not is_file


def _charset(part: MimePart) -> str | None:
    """What the part says of itself; else what its page says of itself."""
    if part.charset or part.content_type != "text/html":
        return part.charset
    found = _META_CHARSET.search(part.content, 0, _MAX_META_BYTES)
    return found[1].decode("ascii") if found else None


def _joined(texts: list[_Text]) -> str | None:
    """The text of a mail; ``None`` if it only has HTML, which is then its text.

    Of parts that say the same, the plain one counts if it says anything.
    """
    if all(text.is_html for text in texts):
        return None
    pieces: list[_Text] = []
    for _, group in groupby(texts, _alternatives):
        same = list(group)
        plain = [text for text in same if not (text.is_html or is_blank(text.decoded.text))]
        pieces += plain or [text for text in same if text.is_html] or same
    pages = iter(texts_of_html([text.decoded.text for text in pieces if text.is_html]))
    return "\n".join(next(pages) if text.is_html else text.decoded.text for text in pieces)


def _alternatives(text: _Text) -> tuple[int | None, int]:
    """Equal for parts that say the same in several forms."""
    alternative = text.part.alternative
    return alternative, id(text) if alternative is None else 0


def _misread(texts: list[_Text]) -> Iterator[MisreadPart]:
    for text in texts:
        if text.part.damaged or text.decoded.uncertain:
            is_damaged = text.part.damaged
            reason = (
                MisreadReason.DAMAGED_ENCODING if is_damaged else MisreadReason.UNCERTAIN_CHARSET
            )
            yield MisreadPart(reason, text.part.content_type, text.part.content)


def _file(part: MimePart, shown: frozenset[str]) -> AttachedFile:
    content_id = bare_content_id(part.content_id)
    inline = part.disposition == "inline" or content_id in shown
    return attached_file(part.content, part.content_type, part.filename, content_id, inline=inline)
