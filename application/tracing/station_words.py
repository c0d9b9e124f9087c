"""The details of a station, as a person reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

from application.tracing.results import Detail, Station
from domain.times import parse_rfc3339, readable

_TIMES = ("lease_until", "failed_at", "visible_at")
_RULES = {
    "only": "the only open one",
    "thread": "the mail's thread names it",
    "recipient": "the only one with this recipient",
    "latest": "of several the latest activity",
    "opened": "opened for this message",
    "redriven": "it was opened later, and the message redriven",
    "no_conversation": "no open conversation",
    "foreign_recipient": "the account may not speak for the recipient",
    "unknown_author": "a mailing list hides the author",
}
_LONG = 10
"""A delay of so many seconds is told without fractions."""


@dataclass(frozen=True, slots=True)
class DetailInWords:
    """One detail under its constant ``key``: a name, and a value unless the name says it all."""

    key: str
    name: str
    value: str | None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}: {self.value}"


def details_in_words(station: Station) -> Iterator[DetailInWords]:
    """What is worth telling of ``station``, in its order."""
    for key, value in station.details.items():
        name = key.replace("_", " ")
        if key == "hand_off_to_human" and value is not None:
            yield DetailInWords(key, "who answers now", "Human" if value else "AI")
        elif value is True:
            yield DetailInWords(key, name, None)
        elif key == "delay_seconds" and isinstance(value, float | int):
            yield DetailInWords(key, "delay", f"{round(value, 0 if value >= _LONG else 3):g} s")
        elif value is not None and value is not False and (key, value) != ("publication", 1):
            yield DetailInWords(key, name, _shown(key, value))


def _shown(key: str, value: Detail) -> str:
    text = str(value)
    if key in _TIMES:
        return readable(parse_rfc3339(text))
    return _RULES.get(text, text) if key == "rule" else text
