"""Times, lengths of time and commands, as sentences of a trace have them."""

import shlex
from datetime import UTC, datetime

from domain.conversations import Conversation
from domain.messages import InboundMessage
from domain.times import readable

_SPECIAL = frozenset('"$`\\!')
"""What a shell obeys within double quotes."""


def ago(moment: datetime, now: datetime) -> str:
    """``14:05:30 UTC (12 min ago)``, with the date if it is another day's."""
    return f"{clock_time(moment, now)} ({duration((now - moment).total_seconds())} ago)"


def clock_time(moment: datetime, now: datetime) -> str:
    """``14:05:30 UTC``, with the date if it is another day's."""
    moment = moment.astimezone(UTC)
    is_today = moment.date() == now.astimezone(UTC).date()
    return f"{moment:%H:%M:%S} UTC" if is_today else readable(moment)


def duration(seconds: float) -> str:
    """A length of time in the unit that a person would choose; never below zero."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def command(*words: str) -> str:
    """A command in quotes, as a shell takes it."""
    return f"'frontdesk {' '.join(map(_word, words))}'"


def _word(word: str) -> str:
    """Single quotes are around the whole already, so double ones are read more easily."""
    quoted = shlex.quote(word)
    return f'"{word}"' if quoted != word and not _SPECIAL & {*word} else quoted


def opening(message: InboundMessage, recipient: str) -> str:
    """The command that opens a conversation for the sender of ``message``."""
    sender = message.identities[0].value if message.identities else message.sender.value
    addresses = ("--sender", sender, "--recipient", recipient)
    return command("conversations", "open", "--channel", message.channel, *addresses)


def times(number: int) -> str:
    """``1 time``, ``3 times``."""
    return "1 time" if number == 1 else f"{number} times"


def giving_back(conversation: Conversation) -> str:
    """The command that gives a conversation back to the AI."""
    return command("conversations", "hand-off", conversation.conversation_id, "off")
