"""The files of a mail as attachments: their labels made harmless, their bytes untouched."""

import hashlib
import io
import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate, islice
from urllib.parse import unquote

from domain.messages import AttachedFile, Attachment
from infrastructure.mail.charsets import scrub
from infrastructure.mail.header_text import decode_words, one_line
from infrastructure.mail.parsed_mail import MisreadReason

MAX_FILENAME_LENGTH = 200
_MAX_SEARCHED = 1_000
"""Of a name with its path. Normalizing takes a time that grows with the square of its marks."""

ARCHIVE_NAME = "further-files.zip"
DEFAULT_CONTENT_TYPE = "application/octet-stream"

MAX_LABEL_BYTES = 65_536
"""Of all files of a message: record and context hold what they are called."""

_MAX_CONTENT_REFERENCES = 10_000
# The search skips to the colon; it would stop at every letter that may be in two cases.
_CONTENT_REFERENCE = re.compile(r":(?<=[cC][iI][dD]:)([^\s\"'<>()]{1,500})")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}")
# They turn the direction of text, so that "exe.pdf" may be shown where "fdp.exe" stands.
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


_UNREAD_FORMATS = {
    "application/ms-tnef": MisreadReason.WINMAIL_DAT,
    "application/vnd.ms-tnef": MisreadReason.WINMAIL_DAT,
    "winmail.dat": MisreadReason.WINMAIL_DAT,
    "application/pkcs7-mime": MisreadReason.SMIME,
    "application/x-pkcs7-mime": MisreadReason.SMIME,
    "smime.p7m": MisreadReason.SMIME,
    "application/pgp-encrypted": MisreadReason.PGP,
    "text/calendar": MisreadReason.CALENDAR,
    "application/ics": MisreadReason.CALENDAR,
}


def attached_file(
    content: bytes,
    content_type: str | None,
    filename: str | None = None,
    content_id: str | None = None,
    *,
    inline: bool,
) -> AttachedFile:
    """A file of a mail, from what the sender says of it. An empty file is a file."""
    attachment = Attachment(
        content_type=media_type(content_type),
        filename=label(decode_words(filename)) if filename else None,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_id=one_line(scrub(content_id)) or None if content_id else None,
        inline=inline,
    )
    return AttachedFile(attachment, content)


def reason_without_text(attachment: Attachment) -> MisreadReason | None:
    """Why a mail has no text, if it is because ``attachment`` holds it in a form of its own."""
    names = (attachment.content_type, (attachment.filename or "").lower())
    known = next((_UNREAD_FORMATS[name] for name in names if name in _UNREAD_FORMATS), None)
    is_media = attachment.content_type.startswith(("image/", "audio/", "video/"))
    if known or is_media or attachment.filename is not None:
        return known
    return MisreadReason.OTHER_FORMAT


def within_limit(files: Sequence[AttachedFile], limit: int) -> tuple[AttachedFile, ...]:
    """``files``; or the first of them and a ZIP archive of the others, ``limit`` in all.

    The archive is the same whenever the provider delivers the mail again.
    """
    sizes = accumulate(_label_bytes(file.attachment) for file in files)
    fitting = sum(size <= MAX_LABEL_BYTES for size in sizes)
    if len(files) <= limit and fitting == len(files):
        return tuple(files)
    separate = min(limit - 1, fitting)
    return (*files[:separate], _archive(files[separate:], first=separate + 1))


def _label_bytes(attachment: Attachment) -> int:
    labels = (attachment.filename, attachment.content_id, attachment.content_type)
    return sum(len(text.encode()) for text in labels if text)


def _archive(files: Sequence[AttachedFile], *, first: int) -> AttachedFile:
    from zipfile import ZipFile, ZipInfo

    archive = io.BytesIO()
    with ZipFile(archive, "w") as written:
        for number, file in enumerate(files, start=first):
            entry = ZipInfo(f"{number:03}-{file.attachment.filename or 'file'}")
            written.writestr(entry, file.content)
    return attached_file(archive.getvalue(), "application/zip", ARCHIVE_NAME, inline=False)


def label(filename: str | None) -> str | None:
    """What to show as the name of a file: no path, no control characters, at most 200 long."""
    text = unicodedata.normalize("NFC", scrub(filename or "")[:_MAX_SEARCHED])
    text = one_line(_DIRECTION_MARKS.sub("", text)).replace("\\", "/")
    name = text.rstrip("/ ").rpartition("/")[2].strip()
    if not name.strip("."):
        return None
    if len(name) <= MAX_FILENAME_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    shutdown = dot + extension if stem and len(extension) <= 10 else ""  # noqa: PLR2004  # as in .x
    return name[: MAX_FILENAME_LENGTH - len(shutdown)] + shutdown


def media_type(text: str | None) -> str:
    """``text`` as ``type/subtype`` in lower case, without parameters (RFC 6838, 4.2)."""
    found = (text or "").partition(";")[0].strip().lower()
    return found if _MEDIA_TYPE.fullmatch(found) else DEFAULT_CONTENT_TYPE


def bare_content_id(text: str | None) -> str | None:
    """A Content-ID without its brackets, as ``cid:`` URLs have it (RFC 2392)."""
    return (text or "").strip().removeprefix("<").removesuffix(">")[:500] or None


def referenced_content_ids(html: str | None) -> frozenset[str]:
    """The Content-IDs that ``html`` shows where they belong."""
    found = islice(_CONTENT_REFERENCE.finditer(html or ""), _MAX_CONTENT_REFERENCES)
    return frozenset(unquote(reference[1]) for reference in found)
