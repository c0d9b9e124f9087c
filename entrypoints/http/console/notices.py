"""What a page says after an action."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go on."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done, or why not. ``kind`` is ``ok``, ``warn``, ``bad`` or ``info``."""

    text: str
    kind: str = "ok"
    details: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
