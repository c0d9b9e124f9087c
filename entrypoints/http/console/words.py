"""What templates write: moments, lengths of time, numbers and names, as a person reads them."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from markupsafe import Markup

from application.receiving.receive_webhook import WebhookOutcome
from application.receiving.record_message import RecordOutcome
from application.tracing.wording import duration
from domain.channels import ChannelType
from domain.times import parse_rfc3339, readable, rfc3339
from entrypoints.http.console.places import segment

NOTHING = "\N{EN DASH}"
"""Stands for a value that is not there."""

_THOUSAND = 1000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
_COMMAND = re.compile(r"'frontdesk [^']*'")
_SETTING = re.compile(r"\b[A-Z]{2,}(?:_[A-Z]+)+(?:=[\w:/.@-]*[\w/])?|\bTENANTS\b")
_AGE = re.compile(rf"(?:in |for )?\d[\w ]*? \((?:since |until )?{_MOMENT.pattern}\)")
"""A length of time, and the moment from which it is counted."""
_NOTABLE = re.compile(f"({_AGE.pattern}|{_MOMENT.pattern}|{_COMMAND.pattern}|{_SETTING.pattern})")
_OPTION = re.compile(r"((?<!\S)--[a-z-]+)")
_LONG = re.compile(r"(\S{24,})")
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def moment(at: datetime | None) -> str:
    """A moment, in UTC until the browser shows it in the zone of its viewer."""
    if at is None:
        return NOTHING
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        rfc3339(at), readable(at), readable(at)
    )


def clock(at: datetime) -> str:
    """The time of day of a moment that stands near another one of the same day."""
    return Markup('<time datetime="{}" title="{}" data-clock>{:%H:%M:%S}</time>').format(
        rfc3339(at), readable(at), at
    )


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago it was, like ``3 min``; its moment on hover."""
    if at is None:
        return NOTHING
    return _age(f"{duration((now - at).total_seconds())} ago", at)


def _age(text: str, at: datetime) -> str:
    return Markup('<time datetime="{}" title="{}" data-age>{}</time>').format(
        rfc3339(at), readable(at), text
    )


def count(number: float) -> str:
    """``1,234``."""
    return f"{number:,.0f}"


def size(size_bytes: int | None) -> str:
    """``2.4 MB``; a dash where it is not known."""
    if size_bytes is None:
        return NOTHING
    amount, units = float(size_bytes), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while amount >= _THOUSAND and unit != "GB":
        amount, unit = amount / _THOUSAND, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def channel_name(channel: ChannelType | None) -> str:
    """The channel as people write it."""
    return channel.rules.name if channel else NOTHING


def upright(text: str) -> str:
    """``text`` with its direction marks as escapes: in an address they would turn our words."""
    return _DIRECTION_MARKS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def prose(text: str) -> str:
    """A sentence: its moments for the viewer's zone, its commands and settings as code.

    Of ``4 min ago (2026-11-29 14:05:30 UTC)`` the moment is seen on hover.
    """
    return Markup("").join(_parts(upright(text)))


def _read(text: str) -> datetime:
    return parse_rfc3339(f"{text.removesuffix(' UTC')}+00:00")


def _parts(text: str) -> Iterator[str]:
    for part in _NOTABLE.split(text):
        if _MOMENT.fullmatch(part):
            yield moment(_read(part))
        elif _AGE.fullmatch(part):
            age, _, at = part.removesuffix(")").partition(" (")
            yield _age(age, _read(_MOMENT.findall(at)[0]))
        elif _COMMAND.fullmatch(part) or _SETTING.fullmatch(part):
            yield _code(part)
        else:
            yield breakable(part)


def _code(part: str) -> str:
    """A name of a setting stays whole. What is longer, as a command, is broken where it must be."""
    kind = Markup(' class="whole"') if part.replace("_", "").isalpha() else ""
    return Markup("<code{}>{}</code>").format(kind, command(part.strip("'")))


def breakable(text: str) -> str:
    """``text``, of which a narrow place breaks a long word after a full stop or a slash."""
    return Markup("").join(
        Markup("<wbr>").join(re.split("(?<=[./])(?=[^./])", word))
        if _LONG.fullmatch(word)
        else word
        for word in _LONG.split(text)
    )


def command(text: str) -> str:
    """A command, whose options a narrow place does not break after a hyphen."""
    return Markup("").join(
        Markup('<span class="whole">{}</span>').format(part) if _OPTION.fullmatch(part) else part
        for part in _OPTION.split(upright(text))
    )


_OUTCOME_NAMES: dict[str, str] = {
    WebhookOutcome.STATUS_CALLBACK: "Status callbacks",
    WebhookOutcome.DEAD_LETTER: "Dead letters",
    RecordOutcome.DUPLICATE: "Duplicates",
}


def outcome_name(outcome: str) -> str:
    """What became of webhooks, as the heading of a column."""
    return _OUTCOME_NAMES.get(outcome, outcome.capitalize())


def capital(text: str) -> str:
    """``text`` as a sentence begins."""
    return text[:1].upper() + text[1:]


FILTERS: dict[str, Callable[..., str]] = {
    "moment": moment,
    "clock": clock,
    "ago": ago,
    "capital": capital,
    "count": count,
    "size": size,
    "channel": channel_name,
    "prose": prose,
    "command": command,
    "upright": upright,
    "outcome": outcome_name,
    "segment": segment,
    "duration": duration,
}
