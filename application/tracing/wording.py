"""Times, lengths of time and commands, as sentences of a trace have them."""

import re
import shlex
from datetime import datetime

from domain.conversations import Conversation
from domain.messages import InboundMessage
from domain.queues import QueueKind, QueueName
from domain.times import readable

_MINUTE, _DAY = 60, 86_400
_REMEDY = re.compile(r"\. |: (?=end it\b)")
"""What stands before the remedy in a reason."""
_SPECIAL = frozenset('"$`\\!')
"""What a shell obeys within double quotes."""


def ago(moment: datetime, now: datetime) -> str:
    """``12 min ago (2026-11-29 14:05:30 UTC)``."""
    return f"{duration((now - moment).total_seconds())} ago ({readable(moment)})"


def ahead(moment: datetime, now: datetime) -> str:
    """``in 12 min (2026-11-29 14:05:30 UTC)``."""
    return f"in {duration((moment - now).total_seconds())} ({readable(moment)})"


def lasting(since: datetime, now: datetime) -> str:
    """``for 12 min (since 2026-11-29 14:05:30 UTC)``."""
    return f"for {duration((now - since).total_seconds())} (since {readable(since)})"


def cause_and_remedy(reason: str) -> tuple[str, str]:
    """A reason in our own words: what is wrong, then what to do if it says so, as a sentence."""
    cause, *remedies = _REMEDY.split(reason.removesuffix("."), maxsplit=1)
    return cause, "".join(f"{one[:1].upper()}{one[1:]}." for one in remedies)


def duration(seconds: float) -> str:
    """A length of time as a person would say it: ``1 h 24 min``. Never below zero."""
    if seconds < 2 * _MINUTE:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / _MINUTE)
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.0f} days"
    hours, rest = divmod(minutes, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{rest} min"] if rest else [])])


def shell(*words: str) -> str:
    """A command as a shell takes it, to stand on a line of its own."""
    return f"frontdesk {shlex.join(words)}"


def command(*words: str) -> str:
    """A command in quotes, to stand within a sentence."""
    return f"'frontdesk {' '.join(map(_word, words))}'"


def _word(word: str) -> str:
    """Single quotes are around the whole already, so double ones are read more easily."""
    quoted = shlex.quote(word)
    return f'"{word}"' if quoted != word and not _SPECIAL & {*word} else quoted


def opening(message: InboundMessage, recipient: str) -> str:
    """The command that opens a conversation for the sender of ``message``."""
    sender = message.identities[0].value if message.identities else message.sender.value
    addresses = ("--sender", sender, "--recipient", recipient)
    return shell("conversations", "open", "--channel", message.channel, *addresses)


def moving(queue: QueueName) -> tuple[str, str]:
    """The commands that take messages from ``queue``, and put one on the other queue."""
    kind = other_queue(queue).kind
    name = str(queue)
    return shell("queues", "read", name), f"{shell('queues', 'move', name)} RECEIPT {kind}"


def other_queue(queue: QueueName) -> QueueName:
    """The queue of the same channel for whom ``queue`` is not."""
    is_for_human = queue.kind is QueueKind.HANDOFF
    return QueueName(queue.channel, QueueKind.REPLIES if is_for_human else QueueKind.HANDOFF)


def times(number: int) -> str:
    """``1 time``, ``3 times``."""
    return "1 time" if number == 1 else f"{number} times"


def giving_back(conversation: Conversation) -> str:
    """The command that gives a conversation back to the AI."""
    return shell("conversations", "hand-off", conversation.conversation_id, "off")
