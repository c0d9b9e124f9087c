"""Where the simulated messages are by now."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from application.tracing.results import MessageTrace, Trace, TraceState
from entrypoints.http.console.places import conversation_page
from entrypoints.http.console.tracing.stops import Way
from entrypoints.http.console.tracing.way import way_of

MOST_FOLLOWED = 20
LOOK_SECONDS = 1.0
"""How long one look may take: it is repeated every two seconds."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A message that was sent, by its provider's id, and what is known of it."""

    message_id: str
    found: MessageTrace | None
    way: Way | None
    sentence: str

    @property
    def state(self) -> TraceState | None:
        """Where it is; ``None`` if that is not known."""
        return self.found.conclusion.state if self.found else None

    @property
    def is_unmatched(self) -> bool:
        """Whether an operator may open a conversation for it."""
        return self.state is TraceState.UNMATCHED

    @property
    def conversation(self) -> str | None:
        """The path of its conversation."""
        if not (self.found and self.found.conversation_id and self.found.channel):
            return None
        return conversation_page(self.found.channel, self.found.conversation_id)


def follow(
    message_ids: Iterable[str], trace: Callable[[str], Trace], now: datetime
) -> Iterator[Followed]:
    """The messages, as far as one look may go."""
    ends_at = time.monotonic() + LOOK_SECONDS
    for message_id in message_ids:
        if time.monotonic() > ends_at:
            return
        found = trace(message_id)
        if one := next(iter(found.messages), None):
            yield Followed(message_id, one, way_of(one, now), one.conclusion.sentence)
        else:
            yield Followed(message_id, None, None, found.sentence)


def states(followed: Iterable[Followed]) -> list[tuple[TraceState | None, int]]:
    """How many are where, the most frequent first."""
    return Counter(one.state for one in followed).most_common()


def latest(newest: Iterable[str], older: Iterable[str]) -> list[str]:
    """The messages that are followed from now on: the newest of all, each once."""
    return list(dict.fromkeys([*newest, *older]))[:MOST_FOLLOWED]


def written(message_ids: Iterable[str]) -> str:
    """The ids as one value of an address or of a field: no id has a line break."""
    return "\n".join(message_ids)


def read(text: str) -> list[str]:
    """The ids that ``written`` wrote."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))[:MOST_FOLLOWED]
