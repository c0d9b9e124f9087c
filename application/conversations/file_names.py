"""The name under which a file is saved: the sender chose it, so it must do no harm."""

import unicodedata
from collections.abc import Mapping

from domain.messages import Attachment, cut_to_bytes

MAX_NAME_BYTES = 120
"""File systems take 255 bytes; a program that saves the file may add to them."""

_MAX_EXTENSION_BYTES = 20
_SEPARATORS = frozenset('/\\:*?"<>|')
"""What separates parts of a path, or means something else to a system, or to its shell."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of Unicode: controls, marks of direction and joiners, and what is no character."""

_EXTENSIONS: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
"""Media type → the extension of a file that has no name: what customers send from phones."""

_PICTURES: Mapping[str, tuple[str, ...]] = {
    "image/gif": (".gif",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
}
"""Media type → how the name of such a picture must end. The first is added to another name."""


def download_name(attachment: Attachment, index: int, media_type: str) -> str:
    """The sender's name for the file, made safe, or ``attachment-1.jpg`` where there is none.

    ``index`` counts from 0, and ``media_type`` is what the first bytes say.
    """
    name = safe_name(attachment.filename or "")
    if not name:
        claimed = attachment.content_type.partition(";")[0].strip().lower()
        is_picture = media_type in _PICTURES
        name = f"attachment-{index + 1}{'' if is_picture else _EXTENSIONS.get(claimed, '')}"
    # What a browser shows as a picture must not become a page once it is saved.
    of_picture = _PICTURES.get(media_type, ("",))
    return name if name.lower().endswith(of_picture) else f"{name}{of_picture[0]}"


def safe_name(text: str) -> str:
    """``text`` as a name in any directory, at most ``MAX_NAME_BYTES`` long; empty if none is left.

    Without what is invisible, changes the direction of writing, or leads elsewhere. It begins
    with no dot, and no space stands at its ends.
    """
    characters = (
        "_" if _SEPARATORS.intersection(unicodedata.normalize("NFKC", character)) else character
        for character in unicodedata.normalize("NFC", text)
        if unicodedata.category(character) not in _INVISIBLE
    )
    name = " ".join("".join(characters).split()).lstrip(". ").rstrip(". ")
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        return cut_to_bytes(name, MAX_NAME_BYTES).rstrip(". ")
    left = MAX_NAME_BYTES - len(f"{dot}{extension}".encode())
    return f"{cut_to_bytes(stem, left)}{dot}{extension}"
