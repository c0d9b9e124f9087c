"""What is new in a reply, apart from the history that mail programs put below it.

What a customer wrote is never lost: a quotation that is left in does no harm. So the text is cut
at nothing but a header that only a program writes, and only where no answer can stand below it.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from infrastructure.mail.reply_headers import (
    BEGINS_LIKE_A_HEADER,
    DATE_AND_AUTHOR,
    FIRST_LABELS,
    FORWARDS,
    HEADER_INSIDE,
    ORIGINAL_MESSAGE,
    POINTS_BELOW,
    PRONOUNS,
    VERBS,
    WORD_OF_A_PERSON,
    are_coherent,
)

MAX_ANALYSED_CHARACTERS = 1_048_576
"""What is longer is left whole."""

_MAX_SEARCHED_LINES = 1_000
_MAX_HEADER_LENGTH = 400
_MAX_WRAPPED_LINES = 4
_MAX_LABELLED_LINES = 30
_MORE_THAN_A_GREETING = 10

_QUOTED = re.compile(r"\s*>")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h]\s?[0-5]\d(?!\d)")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}([./-])\s?\d{1,2}\1\s?\d{2,4}(?!\d)")
_BRACKETED_ADDRESS = re.compile(r"[<(\[]\s*(?:mailto:)?[^\s<>()@]+@[^\s<>()@]+")
_ADDRESS = re.compile(r"[^\s<>()@\[]+@[^\s<>()@]+")
_FRAMED = re.compile(r"\s*-{2,}.*[^-]-{2,}\s*\Z")
_HEADER_END = re.compile(r".*(?:[:\uff1a]|>\s*wrote|wrote ?-{2,})\s*", re.DOTALL)
_LAST_OF_A_HEADER = (":", "\uff1a", "wrote", "-")
_LABEL = re.compile(r"[*_\s]*([^\W\d_][^:\uff1a*]{0,24}?)[*_\s]*(?::[*_]*(?:\s|$)|\uff1a)")
_RULE = re.compile(r"\s*(?:_{5,}|-{2,}[^-]{0,60}-{2,}|-{5,}|\*{5,})\s*")


def new_text(text: str) -> str:
    """``text`` up to the header of the quoted history; all of it if there is none.

    A mail that begins with a quotation is answered below or between its lines: it is left whole.
    """
    if len(text) > MAX_ANALYSED_CHARACTERS:
        return text
    lines = text.split("\n")
    start, is_quoted = _labelled_header(lines), False
    if start is None:
        start, is_quoted = _quoted_history(lines), True
    if start is None:
        start, is_quoted = _unquoted_history(lines), False
    if start is None:
        return text
    rule = _last_written(lines, start - 1)
    if rule is not None and _RULE.fullmatch(lines[rule]):
        start = rule
    new = "\n".join(lines[:start]).strip()
    return text if not new or (not is_quoted and POINTS_BELOW.search(new)) else new


def _quoted_history(lines: Sequence[str]) -> int | None:
    """Where "On Monday Ana wrote:" begins, if below it every line is quoted."""
    end = next((n + 1 for n in reversed(range(len(lines))) if _is_unquoted(lines[n])), 0)
    quoted = next((n for n in range(end, len(lines)) if lines[n].strip()), None)
    if not end or quoted is None:
        return None
    start = _start_of_wrote_line(lines, end - 1)
    # Some programs quote their own header too.
    return quoted if start is None and _is_wrote_line(lines[quoted].strip("> \t")) else start


def _unquoted_history(lines: Sequence[str]) -> int | None:
    """Where it begins, with an address in brackets, if below it no line is quoted."""
    for end, line in enumerate(lines[:_MAX_SEARCHED_LINES]):
        start = _start_of_wrote_line(lines, end) if _ends_like_a_header(line) else None
        if start is not None:
            header = " ".join(lines[start : end + 1])
            is_paragraph = not lines[start - 1].strip() or lines[start].startswith("    ")
            is_alone = is_paragraph and not _names_a_reader(header)
            is_greeting = sum(map(len, lines[:start])) < _MORE_THAN_A_GREETING
            is_answered = any(map(_QUOTED.match, lines[end:]))
            is_programs = is_alone and _is_programs(header, lines[end + 1 : end + 2])
            return start if is_programs and not (is_greeting or is_answered) else None
    return None


def _is_programs(header: str, below: Sequence[str]) -> bool:
    """Whether a line with a date is more than a person would write."""
    if VERBS.search(header):
        return bool(_BRACKETED_ADDRESS.search(header) or _FRAMED.fullmatch(header))
    is_apart = not "".join(below).strip()
    has_names_only = not WORD_OF_A_PERSON.search(_ADDRESS.sub("", header))
    return is_apart and has_names_only and DATE_AND_AUTHOR.fullmatch(header) is not None


def _names_a_reader(header: str) -> bool:
    """Whether a person speaks; an address may hold the same letters."""
    return PRONOUNS.search(_ADDRESS.sub("", header)) is not None


def _start_of_wrote_line(lines: Sequence[str], end: int) -> int | None:
    """Where the header begins whose last line is ``end``; programs wrap long ones."""
    header = ""
    for start in range(end, max(end - _MAX_WRAPPED_LINES, -1), -1):
        line = lines[start].strip()
        if not line or not _is_unquoted(line) or len(line) + len(header) > _MAX_HEADER_LENGTH:
            return None
        below, is_cut = header, not header or header.startswith(("<", "("))
        header = f"{line} {header}".strip()
        if not _is_wrote_line(header):
            continue
        # A line of its own may stand above a header that is whole without it.
        return start if is_cut or not (line[:1].isdigit() and VERBS.search(below)) else None
    return None


def _is_wrote_line(line: str) -> bool:
    """Whether ``line`` has a date and an address, or a date, a name and "wrote"."""
    if line.startswith(("<", "(")) or not (_ends_like_a_header(line) and _DATE.search(line)):
        return False
    is_sentence = HEADER_INSIDE.match(line) or not BEGINS_LIKE_A_HEADER.match(line)
    if is_sentence or _names_a_reader(line):
        return False
    verb, time = VERBS.search(line), _TIME.search(line)
    return bool(verb or time) if _BRACKETED_ADDRESS.search(line) else bool(verb and time)


def _ends_like_a_header(line: str) -> bool:
    """Hardly any line does: the pattern alone would look at every character of every line."""
    return line.rstrip().endswith(_LAST_OF_A_HEADER) and _HEADER_END.fullmatch(line) is not None


def _labelled_header(lines: Sequence[str]) -> int | None:
    """Where "From: … Sent: … Subject: …" begins."""
    for start, line in enumerate(lines[:_MAX_SEARCHED_LINES]):
        has_colon = ":" in line or "\uff1a" in line
        found = _LABEL.match(line[:_MAX_HEADER_LENGTH]) if has_colon else None
        if found is None or found[1].lower() not in FIRST_LABELS:
            continue
        end = _end_of_labels(lines, start)
        if end is None or not _is_all_or_none_quoted(islice(lines, end, None)):
            continue
        above = _last_written(lines, start - 1)
        return None if above is not None and FORWARDS.search(lines[above]) else start
    return None


def _end_of_labels(lines: Sequence[str], start: int) -> int | None:
    """Where the labels end; ``None`` unless all of one language are there, and an address."""
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
    above = _last_written(lines, start - 1)
    has_title = above is not None and ORIGINAL_MESSAGE.fullmatch(lines[above]) is not None
    return end if are_coherent(labels, address_needed=not has_title) else None


def _is_all_or_none_quoted(lines: Iterable[str]) -> bool:
    """Quoted lines with others between them are answered there."""
    written = (line for line in lines if line.strip())
    first = next(written, None)
    return first is None or not _QUOTED.match(first) or all(map(_QUOTED.match, written))


def _last_written(lines: Sequence[str], number: int) -> int | None:
    """The last line up to this one that is not blank."""
    return next((n for n in range(number, -1, -1) if lines[n].strip()), None)


def _is_unquoted(line: str) -> bool:
    return bool(line.strip()) and not _QUOTED.match(line)
