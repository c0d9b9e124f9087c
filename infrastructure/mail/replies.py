"""What is new in a reply, apart from the history that mail programs put below it.

What a customer wrote is never lost: a quotation that is left in does no harm. So the text is cut
at nothing but a header that only a program writes, with nothing unquoted below it.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from infrastructure.mail.reply_headers import FIRST_LABELS, FORWARDS, PRONOUNS, VERBS, are_coherent

MAX_ANALYSED_CHARACTERS = 1_048_576
"""What is longer is left whole."""

_MAX_SEARCHED_LINES = 1_000
_MAX_HEADER_LENGTH = 400
_MAX_WRAPPED_LINES = 4
_MAX_LABELLED_LINES = 30

_QUOTED = re.compile(r"\s*>")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h]\s?[0-5]\d(?!\d)")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}([./-])\s?\d{1,2}\1\s?\d{2,4}(?!\d)")
_BRACKETED_ADDRESS = re.compile(r"[<(\[]\s*(?:mailto:)?[^\s<>()@]+@[^\s<>()@]+")
_COLON = (":", "\uff1a")
_LABEL = re.compile(r"[*_\s]*([^\W\d_][^:\uff1a*]{0,24}?)[*_\s]*(?::[*_]*(?:\s|$)|\uff1a)")
_RULE = re.compile(r"\s*(?:_{5,}|-{2,}[^-]{0,60}-{2,}|-{5,}|\*{5,})\s*")


def new_text(text: str) -> str:
    """``text`` up to the header of the quoted history; all of it if there is none.

    A mail that begins with a quotation is answered below or between its lines: it is left whole.
    """
    if len(text) > MAX_ANALYSED_CHARACTERS or not any(colon in text for colon in _COLON):
        return text
    lines = text.split("\n")
    headers = (_labelled_header(lines), _wrote_header(lines))
    start = min((header for header in headers if header is not None), default=None)
    if start is None:
        return text
    return "\n".join(lines[:start]).strip() or text


def _wrote_header(lines: Sequence[str]) -> int | None:
    """Where "On Monday Ana wrote:" begins; below it every line must be quoted."""
    last = next((n for n in reversed(range(len(lines))) if _is_unquoted(lines[n])), None)
    if last is None or not any(map(_QUOTED.match, lines[last + 1 :])):
        return None
    if not lines[last].rstrip().endswith(_COLON):
        return None
    header = ""
    for start in range(last, max(last - _MAX_WRAPPED_LINES, -1), -1):
        line = lines[start].strip()
        if not line or not _is_unquoted(line) or len(line) + len(header) > _MAX_HEADER_LENGTH:
            return None
        header = f"{line} {header}".strip()
        if _is_wrote_line(header):
            return start
    return None


def _is_wrote_line(line: str) -> bool:
    """Whether ``line`` has a date and an address, or a date, a name and "wrote"."""
    if line.startswith(("<", "(")) or not _DATE.search(line):
        return False
    verb, time = VERBS.search(line), _TIME.search(line)
    if _BRACKETED_ADDRESS.search(line):
        return bool(verb or time)
    return bool(verb and time) and not PRONOUNS.search(line)


def _labelled_header(lines: Sequence[str]) -> int | None:
    """Where "From: … Sent: … Subject: …" begins, with the line drawn above it."""
    for start, line in enumerate(lines[:_MAX_SEARCHED_LINES]):
        found = _LABEL.match(line[:_MAX_HEADER_LENGTH])
        if found is None or found[1].lower() not in FIRST_LABELS:
            continue
        end = _end_of_labels(lines, start)
        if end is None or not _is_all_or_none_quoted(islice(lines, end, None)):
            continue
        above = start - 1
        while above >= 0 and not lines[above].strip():
            above -= 1
        if above >= 0 and FORWARDS.search(lines[above]):
            return None
        return above if above >= 0 and _RULE.fullmatch(lines[above]) else start
    return None


def _end_of_labels(lines: Sequence[str], start: int) -> int | None:
    """Where the labels end; ``None`` unless three of one language are there, and an address."""
    labels: dict[str, str] = {}
    end = label = None
    for number in range(start, min(start + _MAX_LABELLED_LINES, len(lines))):
        line = lines[number][:_MAX_HEADER_LENGTH]
        if not line.strip() or not _is_unquoted(line):
            break
        end = number + 1
        if found := _LABEL.match(line):
            label = found[1].lower()
        labels[label or ""] = labels.get(label or "", "") + line
    return end if are_coherent(labels) else None


def _is_all_or_none_quoted(lines: Iterable[str]) -> bool:
    """Quoted lines with others between them are answered there."""
    written = (line for line in lines if line.strip())
    first = next(written, None)
    return first is None or not _QUOTED.match(first) or all(map(_QUOTED.match, written))


def _is_unquoted(line: str) -> bool:
    return bool(line.strip()) and not _QUOTED.match(line)
