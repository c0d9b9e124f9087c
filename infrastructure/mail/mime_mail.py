"""The texts and files of a MIME message."""

from dataclasses import dataclass

from domain.messages import AttachedFile
from infrastructure.mail.charsets import DecodedText, decode
from infrastructure.mail.mail_files import attached_file, bare_content_id, referenced_content_ids
from infrastructure.mail.mime_reader import MimePart, MimeReader


@dataclass(frozen=True, slots=True)
class MimeContent:
    """What a mail holds. ``uncertain_charsets`` is as in ``ParsedMail``."""

    text: str | None
    html: str | None
    files: tuple[AttachedFile, ...]
    uncertain_charsets: tuple[str, ...] = ()


def read_mime_content(raw: bytes) -> MimeContent:
    """The content of the MIME message ``raw``. Raises ``UnreadableMessageError``.

    Mailers cut a text where they show images: its pieces are joined.
    """
    pieces: dict[str, list[DecodedText]] = {"text/plain": [], "text/html": []}
    other: list[MimePart] = []
    for part in MimeReader(raw).parts():
        is_file = part.disposition == "attachment" or part.filename is not None
        if is_file or part.content_type not in pieces:
            other.append(part)
        else:
            pieces[part.content_type].append(decode(part.content, part.charset))
    text, html = ("\n".join(piece.text for piece in each) or None for each in pieces.values())
    shown = referenced_content_ids(html)
    return MimeContent(
        text,
        html,
        tuple(_file(part, shown) for part in other),
        tuple(
            name
            for name, each in zip(("text", "html"), pieces.values(), strict=True)
            if any(piece.uncertain for piece in each)
        ),
    )


def _file(part: MimePart, shown: frozenset[str]) -> AttachedFile:
    content_id = bare_content_id(part.content_id)
    inline = part.disposition == "inline" or content_id in shown
    return attached_file(part.content, part.content_type, part.filename, content_id, inline=inline)
