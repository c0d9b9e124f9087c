"""What is retained: to list it, and to erase it."""

from dataclasses import dataclass

from domain.erasure import RetainedMessage


@dataclass(frozen=True, slots=True)
class RetainedPage:
    """Some of what is kept; ``last`` continues after it, ``None`` at the end."""

    messages: tuple[RetainedMessage, ...]
    last: str | None
