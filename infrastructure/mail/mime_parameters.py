"""Parameters of MIME headers (RFC 2045, 2183, 2231), as mailers really write them."""

import re
from collections import defaultdict
from urllib.parse import unquote_to_bytes

from infrastructure.mail.charsets import decode

# A quote ends a text only where another parameter or nothing follows: mailers leave names with
# quotes in them as they are. Only the first of several separators begins a parameter, so that
# none is looked at twice.
_PARAMETER = re.compile(
    r'(?:\A|(?<![;\s])[;\s]++)(?P<name>[^\s=;"*]{1,60}+)(?:\*(?P<section>[0-9]{1,3}))?(?P<extended>\*?)'
    r'\s*+=\s*+(?:"(?P<quoted>(?:[^"\\]|\\.|"(?!\s*+(?:;|\Z|[^\s=;"]{1,60}+\s*+=)))*+)"?'
    r"|(?P<plain>[^;]*+))",
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')


def read_parameters(value: str) -> dict[str, str]:
    """The parameters of a header value, under lower-case names; the first of a name counts.

    One in the form of RFC 2231, with a charset or in sections, counts before a plain one.
    """
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = defaultdict(dict)
    for found in _PARAMETER.finditer(value):
        name, quoted = found["name"].lower(), found["quoted"]
        text = found["plain"].strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if found["section"] or found["extended"]:
            number = int(found["section"] or 0)
            sections[name].setdefault(number, (text, bool(found["extended"])))
        else:
            plain.setdefault(name, text)
    joined = {name: _joined(each) for name, each in sections.items() if 0 in each}
    return {**plain, **{name: text for name, text in joined.items() if text}}


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """The sections from the first one on, as far as none is missing."""
    charset, raw = "", b""
    for number in range(len(sections)):
        if number not in sections:
            break
        text, extended = sections[number]
        if extended and number == 0 and text.count("'") >= 2:  # noqa: PLR2004  # charset'language'text
            charset, _, text = text.split("'", 2)
        raw += unquote_to_bytes(text) if extended else text.encode()
    return decode(raw, charset or None).text
