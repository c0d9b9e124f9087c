"""Where the simulated messages are by now."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from application.tracing.results import MessageTrace, Trace, TraceState
from domain.channels import ChannelType
from entrypoints.http.console.words import segment

MOST_FOLLOWED = 20
LOOK_SECONDS = 1.0
"""How long one look may take: it is repeated every two seconds."""

_KINDS = {
    TraceState.PENDING: "warn",
    TraceState.UNMATCHED: "warn",
    TraceState.SPOOLED: "warn",
    TraceState.UNDELIVERABLE: "bad",
    TraceState.DEAD_LETTER: "bad",
    TraceState.ERASED: "plain",
    TraceState.ACKNOWLEDGED: "ok",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """A message that was sent, by its provider's id, and what is known of it."""

    message_id: str
    found: MessageTrace | None
    sentence: str

    @property
    def state(self) -> str:
        """Where it is, in a word."""
        return self.found.conclusion.state.replace("_", " ") if self.found else "not found"

    @property
    def kind(self) -> str:
        """Of which kind that word is: see the macro ``badge``."""
        return _KINDS.get(self.found.conclusion.state, "info") if self.found else "plain"

    @property
    def conversation(self) -> str | None:
        """The path of its conversation."""
        if not (self.found and self.found.conversation_id and self.found.channel):
            return None
        channel: ChannelType = self.found.channel
        return f"/conversations/{channel.value}/{segment(self.found.conversation_id)}"


def follow(message_ids: Iterable[str], trace: Callable[[str], Trace]) -> Iterator[Followed]:
    """The messages, as far as one look may go."""
    ends_at = time.monotonic() + LOOK_SECONDS
    for message_id in message_ids:
        if time.monotonic() > ends_at:
            return
        found = trace(message_id)
        message = next(iter(found.messages), None)
        yield Followed(
            message_id, message, message.conclusion.sentence if message else found.sentence
        )


def states(followed: Sequence[Followed]) -> list[str]:
    """How many are where, like ``3 delayed``."""
    counts = Counter(one.state for one in followed)
    return [f"{number} {state}" for state, number in counts.most_common()]


def latest(newest: Iterable[str], older: Iterable[str]) -> list[str]:
    """The messages that are followed from now on: the newest of all, each once."""
    return list(dict.fromkeys([*newest, *older]))[:MOST_FOLLOWED]


def written(message_ids: Iterable[str]) -> str:
    """The ids as one value of an address or of a field: no id has a line break."""
    return "\n".join(message_ids)


def read(text: str) -> list[str]:
    """The ids that ``written`` wrote."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))[:MOST_FOLLOWED]
