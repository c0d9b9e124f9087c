"""Which refusals are remembered, and which make room: the same rules wherever they lie."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from application.ports.refusals import Refusal
from domain.channels import ChannelType

SLOTS: Final = 500

MOST_NEW_A_MINUTE = 20
"""Of one account: a forger who knows its id must not push out all others."""

MAX_URL_CHARACTERS = 300
MAX_ACCOUNT_CHARACTERS = 200

_MINUTE = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class RefusalKey(NamedTuple):
    """What equal refusals have in common."""

    channel: ChannelType | None
    account: str
    reason: str
    tried_urls: str

    @classmethod
    def of(
        cls, channel: ChannelType | None, account: str, reason: str, tried_urls: str
    ) -> "RefusalKey":
        """The key in the form in which it is stored: short, and printable."""
        return cls(
            channel,
            _printable(account[:MAX_ACCOUNT_CHARACTERS]),
            reason,
            _printable(tried_urls[:MAX_URL_CHARACTERS]),
        )

    def without_urls(self) -> "RefusalKey":
        """The key of all that came with too many different URLs."""
        return self._replace(tried_urls="")


class RefusalSlots:
    """A number of slots, each empty or with one entry. Not safe to share among threads."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._entries: list[Refusal | None] = [None] * slots
        self._places: dict[RefusalKey, int] = {}
        self._limited_until: dict[str, datetime] = {}

    def put(self, place: int, entry: Refusal | None) -> None:
        """Set what is in slot ``place``."""
        before = self._entries[place]
        if before and self._places.get(key_of(before)) == place:
            del self._places[key_of(before)]
        self._entries[place] = entry
        if entry:
            self._places[key_of(entry)] = place

    def add(self, new: Refusal) -> tuple[int, Refusal]:
        """Count ``new`` with equal ones; the slot that has changed, and its entry.

        What is over the limit of its account is counted without its URLs.
        """
        key = key_of(new)
        place = self._places.get(key)
        if place is None and self._is_limited(key.account, new.last_at):
            key = key.without_urls()
            place = self._places.get(key)
        before = None if place is None else self._entries[place]
        if place is None:
            place = self._place_to_reuse()
        entry = merged(before, Refusal(*key, new.count, new.first_at, new.last_at))
        self.put(place, entry)
        return place, entry

    def latest(self) -> tuple[Refusal, ...]:
        """All entries, the latest ``last_at`` first."""
        return sorted_refusals(entry for entry in self._entries if entry)

    def _is_limited(self, account: str, now: datetime) -> bool:
        """Whether ``account`` has had all its new entries of this minute."""
        # A forger who is at the limit makes this be asked for each request.
        until = self._limited_until.get(account, _NEVER)
        if now < until <= now + _MINUTE:
            return True
        fresh = sorted(
            entry.first_at
            for entry in self._entries
            if entry and entry.account == account and entry.tried_urls
            if now - _MINUTE < entry.first_at <= now
        )
        if len(fresh) < MOST_NEW_A_MINUTE:
            return False
        self._limited_until[account] = fresh[-MOST_NEW_A_MINUTE] + _MINUTE
        return True

    def _place_to_reuse(self) -> int:
        """An empty slot; else the oldest entry of the account that has most of them."""
        counted = Counter(entry.account for entry in self._entries if entry)

        def rank(place: int) -> tuple[bool, int, datetime]:
            entry = self._entries[place]
            if entry is None:
                return (False, 0, _NEVER)
            return (True, -counted[entry.account], entry.last_at)

        return min(range(len(self._entries)), key=rank)


def key_of(entry: Refusal) -> RefusalKey:
    """What ``entry`` has in common with equal refusals."""
    return RefusalKey(entry.channel, entry.account, entry.reason, entry.tried_urls)


def merged(before: Refusal | None, new: Refusal) -> Refusal:
    """Equal refusals as one."""
    if before is None:
        return new
    first_at = min(before.first_at, new.first_at)
    return replace(new, count=before.count + new.count, first_at=first_at)


def sorted_refusals(entries: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """``entries``, equal ones as one, the latest ``last_at`` first."""
    in_order: dict[RefusalKey, Refusal] = {}
    for entry in sorted(entries, key=lambda entry: entry.last_at):
        key = key_of(entry)
        # Taken out first: what comes later goes to the end.
        in_order[key] = merged(in_order.pop(key, None), entry)
    return tuple(reversed(in_order.values()))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
