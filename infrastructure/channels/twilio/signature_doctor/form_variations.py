"""The fields that Twilio may have signed where others were captured."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, combinations
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from application.ports.signature_doctor import Capture, Cause
from infrastructure.channels.twilio.signature_doctor.best_first import (
    Axis,
    Variation,
    best_first,
    ranked,
)
from infrastructure.channels.twilio.signature_doctor.form_readings import Fields, form_readings
from infrastructure.channels.twilio.verification import Form, signed_fields

MAX_FORMS = 1_500
MAX_BYTES = 8 * 1024 * 1024
"""Of all variations of a body together; there are fewer of a large one."""

MOST_MARKS = 31
"""On one letter. Unicode's stream-safe texts have one less."""

_Edit = Callable[[Fields], Fields]
_Values = Callable[[str], str]

OFTEN_EMPTY: Final = (
    *("ToCity", "ToState", "ToZip", "ToCountry"),
    *("FromCity", "FromState", "FromZip", "FromCountry", "Body"),
)
"""What Twilio sends with an empty value where it knows none."""

KNOWN_FIELDS: Final = frozenset(OFTEN_EMPTY) | frozenset(
    """
    MessageSid SmsSid SmsMessageSid AccountSid MessagingServiceSid From To NumMedia NumSegments
    SmsStatus MessageStatus ApiVersion WaId ProfileName ChannelMetadata MessageType
    ReferralNumMedia Forwarded FrequentlyForwarded ButtonText ButtonPayload ButtonType Latitude
    Longitude Label Address OptOutType AddOns ErrorCode ErrorMessage RawDlrDoneDate ChannelPrefix
    ChannelInstallSid ChannelToAddress EventType ListId ListTitle OriginalRepliedMessageSid
    OriginalRepliedMessageSender CallSid CallStatus Direction Called Caller CalledCity CallerCity
    CalledState CallerState CalledZip CallerZip CalledCountry CallerCountry
    """.split()  # noqa: SIM905 - a list of words is easier to read and to add to
)
_KNOWN_BY_LOWER = {name.lower(): name for name in KNOWN_FIELDS}
_MEDIA_FIELD = re.compile(r"Media(Url|ContentType)[0-9]+")

_TRIMMED_ENDS = (" ", "\n", "\r\n", "  ", "\t", "\n\n")
_TRIMMED_STARTS = (" ", "\n", "  ")
_TRIMMED_FIELDS = ("Body", "ProfileName", "ButtonText")
_PLUS_BECAME_SPACE = re.compile(r"\A((?:[a-z]+:)?) (?=[0-9]{5,15}\Z)")
_PLUS_LOST = re.compile(r"\A((?:whatsapp:)?)(?=[0-9]{8,15}\Z)")


def form_variations(capture: Capture) -> Axis[str]:
    """What Twilio may have signed beside the URL, the likeliest first: names and values."""
    readings = form_readings(capture)
    first = readings[0].value if readings else ()
    names = {name for reading in readings[:6] for name, _ in reading.value}
    edits = ranked(_edits(capture, names, repeats=len(first) > len({name for name, _ in first})))
    empties = ranked(_empties(names))
    most = max(20, min(MAX_FORMS, MAX_BYTES // max(1, len(capture.body))))
    return Axis(_combined(best_first((ranked(readings), edits, empties))), most)


def _combined(combinations: Iterator[tuple[Variation[Any], ...]]) -> Iterator[Variation[str]]:
    for reading, edit, change in combinations:
        text = _signed(change.value(edit.value(reading.value)))
        causes = dict.fromkeys((*reading.causes, *edit.causes, *change.causes))
        yield Variation(text, reading.cost + edit.cost + change.cost, tuple(causes))


def _signed(fields: Fields) -> str:
    form: dict[str, list[str]] = {}
    for name, value in fields:
        form.setdefault(name, []).append(value)
    return signed_fields(Form(form))


def _unchanged(fields: Fields) -> Fields:
    return fields


def _empties(names: set[str]) -> Iterator[Variation[_Edit]]:
    """With the empty fields put back that may have been dropped, or without those there are."""
    yield Variation(_unchanged)
    yield Variation(_without_empties, 1.1, (Cause.EMPTY_FIELDS_ADDED,))
    missing = [name for name in OFTEN_EMPTY if name not in names]
    likely = (
        missing,
        [name for name in missing if name != "Body"],
        [name for name in missing if name.startswith("To")],
        [name for name in missing if name.startswith("From")],
        ["Body"],
    )
    some = (combinations(missing, count) for count in range(1, len(missing)))
    for rank, chosen in enumerate(chain(likely, chain.from_iterable(some))):
        if chosen:
            cost = 1.0 + min(rank, 500) / 1000
            yield Variation(partial(_with_empties, [*chosen]), cost, (Cause.EMPTY_FIELDS_DROPPED,))


def _with_empties(names: Sequence[str], fields: Fields) -> Fields:
    present = {name for name, _ in fields}
    return (*fields, *((name, "") for name in names if name not in present))


def _without_empties(fields: Fields) -> Fields:
    return tuple((name, value) for name, value in fields if value)


def _edits(capture: Capture, names: set[str], *, repeats: bool) -> Iterator[Variation[_Edit]]:
    yield Variation(_unchanged)
    for cost, cause, change in _VALUE_CHANGES:
        yield Variation(partial(_of_values, change), cost, (cause,))
    yield Variation(_with_known_names, 1.1, (Cause.FIELD_NAMES,))
    yield from _trimmed(names)
    yield from _removed(capture, names)
    if repeats:
        yield Variation(_first_values, 1.1, (Cause.FIELDS_ADDED,))
        yield Variation(_last_values, 1.1, (Cause.FIELDS_ADDED,))


def _of_values(change: _Values, fields: Fields) -> Fields:
    return tuple((name, change(value)) for name, value in fields)


def _misread(charset: str, value: str) -> str:
    """UTF-8 again, where its bytes were taken for characters of ``charset``."""
    with suppress(UnicodeError):
        return value.encode(charset).decode("utf-8")
    return value


def _normalized(form: Literal["NFC", "NFD"], value: str) -> str:
    """``value`` in another Unicode form, unless a letter has more marks than any text has.

    They are put in order in a time that grows with their square, and no other thread works then.
    """
    if value.isascii():
        return value
    apart = "".join(unicodedata.normalize("NFD", one) for one in value)
    marks = "".join("^" if unicodedata.combining(one) else " " for one in apart)
    return value if "^" * MOST_MARKS in marks else unicodedata.normalize(form, value)


def _with_plain_quotes(value: str) -> str:
    """JSON again, where an editor has put typographic quotes into it."""
    is_json = value.startswith(("{", "["))
    return (
        re.sub("[\u201c-\u201f]", '"', re.sub("[\u2018-\u201b]", "'", value)) if is_json else value
    )


_VALUE_CHANGES: tuple[tuple[float, Cause, _Values], ...] = (
    (1.0, Cause.LINE_BREAKS, lambda value: re.sub("\r\n|\r|\n", "\r\n", value)),
    (1.0, Cause.LINE_BREAKS, lambda value: re.sub("\r\n|\r", "\n", value)),
    (1.2, Cause.LINE_BREAKS, lambda value: re.sub("\r\n|\n", "\r", value)),
    (1.0, Cause.CHARSET, partial(_misread, "latin-1")),
    (1.05, Cause.CHARSET, partial(_misread, "cp1252")),
    (1.1, Cause.CHARSET, partial(_normalized, "NFC")),
    (1.1, Cause.CHARSET, partial(_normalized, "NFD")),
    (1.0, Cause.ESCAPED_VALUES, html.unescape),
    (1.1, Cause.ESCAPED_VALUES, lambda value: re.sub(r"\\(['\"\\])", r"\1", value)),
    (1.2, Cause.ESCAPED_VALUES, lambda value: value.replace("\\n", "\n").replace("\\r", "\r")),
    (1.2, Cause.ESCAPED_VALUES, _with_plain_quotes),
    (1.0, Cause.PLUS_SIGNS, partial(_PLUS_BECAME_SPACE.sub, r"\1+")),
    (1.15, Cause.PLUS_SIGNS, partial(_PLUS_LOST.sub, r"\1+")),
    (1.2, Cause.PLUS_SIGNS, lambda value: value.replace(" ", "+")),
)


def _with_known_names(fields: Fields) -> Fields:
    return tuple(
        (_KNOWN_BY_LOWER.get(re.sub("[_-]", "", name).lower(), name), value)
        for name, value in fields
    )


def _trimmed(names: set[str]) -> Iterator[Variation[_Edit]]:
    for number, name in enumerate(one for one in _TRIMMED_FIELDS if one in names):
        padded = [("", end) for end in _TRIMMED_ENDS] + [(start, "") for start in _TRIMMED_STARTS]
        for rank, (start, end) in enumerate(padded):
            cost = 1.05 + rank / 50 + number / 10
            yield Variation(partial(_padded, name, start, end), cost, (Cause.TRIMMED_VALUES,))


def _padded(padded: str, start: str, end: str, fields: Fields) -> Fields:
    return tuple(
        (name, f"{start}{value}{end}" if name == padded else value) for name, value in fields
    )


def _removed(capture: Capture, names: set[str]) -> Iterator[Variation[_Edit]]:
    """Without fields that something on the way has added."""
    queries = capture.queries[:1]
    parameters = {name for query in queries for name, _ in parse_qsl(query, keep_blank_values=True)}
    unknown = {
        name for name in names if name not in KNOWN_FIELDS and not _MEDIA_FIELD.fullmatch(name)
    }
    for rank, removed in enumerate(
        (parameters & names, unknown, *({name} for name in (*sorted(unknown), *sorted(names))))
    ):
        if removed:
            cost = 1.1 + min(rank, 50) / 100
            yield Variation(partial(_without, frozenset(removed)), cost, (Cause.FIELDS_ADDED,))


def _without(removed: frozenset[str], fields: Fields) -> Fields:
    return tuple((name, value) for name, value in fields if name not in removed)


def _first_values(fields: Fields) -> Fields:
    return tuple(dict(reversed(fields)).items())


def _last_values(fields: Fields) -> Fields:
    return tuple(dict(fields).items())
