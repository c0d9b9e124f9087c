"""What is new in a reply, apart from the history that mail programs quote below it."""

import re
from functools import lru_cache

MAX_ANALYSED_CHARACTERS = 16_384
MAX_LINE_LENGTH = 200
"""The patterns take up to cubic time in the length of a line: at these limits, 0.3 s at worst."""

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "cs", "da", "sv", "ja", "ko", "zh", "david")
# Stand for a line that is too long to introduce a quotation, which is a line for itself.
_LONG_LINE = "\N{REPLACEMENT CHARACTER}"


def new_text(text: str) -> str:
    """``text`` up to the line that introduces the quoted history; all of it if there is none.

    Only a beginning is looked at, for the new text stands at the top. A mail that
    begins with a quotation is answered below or between its lines: it is left whole.
    """
    beginning = text[:MAX_ANALYSED_CHARACTERS]
    lines = beginning.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    retained = _without_blank_runs(lines)
    analysed = "\n".join(_short(lines[index]) for index in retained)
    try:
        match = _quotation_header().search(analysed)
    except (RecursionError, MemoryError):
        return text
    if match is None:
        return text
    # The match may begin with the line break before the header.
    start = match.start() + len(match[0]) - len(match[0].lstrip("\n"))
    line_number = retained[analysed.count("\n", 0, start)]
    return "\n".join(lines[:line_number]).strip() or text


def _without_blank_runs(lines: list[str]) -> list[int]:
    """The numbers of the lines, of several blank ones in a row only the first."""
    return [
        index
        for index, line in enumerate(lines)
        if line.strip() or (index > 0 and lines[index - 1].strip())
    ]


def _short(line: str) -> str:
    stripped = line.strip()
    return stripped if len(stripped) <= MAX_LINE_LENGTH else _LONG_LINE


@lru_cache(maxsize=1)
def _quotation_header() -> re.Pattern[str]:
    """One pattern for the headers that mail programs put above quotations, in any language.

    Only the pattern of the library is used. Its own reading of a mail also looks for
    signatures, in quadratic time even for blank lines.
    """
    from mailparser_reply.parser import EmailMessage  # type: ignore[import-untyped]  # no type information

    pattern: re.Pattern[str] = EmailMessage(text="", languages=list(_LANGUAGES)).HEADER_REGEX
    return pattern
