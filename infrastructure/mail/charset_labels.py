"""Labels of charsets as mailers misspell them."""

import re

from webencodings import LABELS  # type: ignore[import-untyped]  # no type information

_MAX_LABEL_LENGTH = 60
_BEFORE = re.compile(r"(?:charset\s*=|[^a-z0-9])*+")
_AFTER = re.compile(r"[^a-z0-9._:+-]")
_SEPARATOR = re.compile(r"[^a-z0-9]")
_CODE_PAGE = re.compile(r"(?:cp|ms|mscp|windows|win|dos|ibm|codepage)(\d{3,5})")
_KNOWN = {
    _SEPARATOR.sub("", label): label
    for label, encoding in LABELS.items()
    if encoding not in {"replacement", "x-user-defined"}
}
# Windows' numbers for charsets that have names: its registry of code pages.
_CODE_PAGES = {
    "874": "windows-874",
    "932": "shift_jis",
    "936": "gb18030",
    "949": "euc-kr",
    "950": "big5",
    "1200": "utf-16le",
    "1201": "utf-16be",
    "20866": "koi8-r",
    "20932": "euc-jp",
    "21866": "koi8-u",
    "50220": "iso-2022-jp",
    "50221": "iso-2022-jp",
    "50222": "iso-2022-jp",
    "51932": "euc-jp",
    "51936": "gb18030",
    "51949": "euc-kr",
    "54936": "gb18030",
    "65000": "utf-7",
    "65001": "utf-8",
}
_ALSO_CALLED = {
    "ansi": "windows-1252",
    "88591": "iso-8859-1",
    "885915": "iso-8859-15",
    "iso8859": "iso-8859-1",
    "latin9": "iso-8859-15",
    "applemac": "macintosh",
    "big5eten": "big5",
    "eucjpms": "euc-jp",
    "eucjpwin": "euc-jp",
    "iso2022jpms": "iso-2022-jp",
    "shiftjis2004": "shift_jis",
    "sjiswin": "shift_jis",
    "ucs2": "utf-16be",
    "iso10646ucs2": "utf-16be",
    "uft8": "utf-8",
    "uhc": "euc-kr",
    "utf": "utf-8",
    "utf8mb4": "utf-8",
}


def repaired_label(name: str) -> str:
    """The label that ``name``, in lower case, may have meant; empty if it is like none.

    Mailers write the parameter's name into its value, leave out or add hyphens, and number
    charsets as Windows does.
    """
    begin = _BEFORE.match(name[:_MAX_LABEL_LENGTH])
    text = name[begin.end() if begin else 0 : _MAX_LABEL_LENGTH]
    key = _SEPARATOR.sub("", _AFTER.split(text, maxsplit=1)[0])
    for form in (key, key.removeprefix("x")):
        if page := _CODE_PAGE.fullmatch(form):
            return _CODE_PAGES.get(page[1], f"cp{page[1]}")
        if label := _KNOWN.get(form) or _ALSO_CALLED.get(form):
            return label
    return ""
