"""Which refusals are remembered, and which make room: the same rules wherever they lie."""

from collections import Counter
from collections.abc import Iterable
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

    channel: ChannelType
    account: str
    reason: str
    tried_urls: str

    @classmethod
    def of(cls, channel: ChannelType, account: str, reason: str, tried_urls: str) -> "RefusalKey":
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

    def put(self, place: int, entry: Refusal | None) -> None:
        """Set what is in slot ``place``."""
        before = self._entries[place]
        if before and self._places.get(key_of(before)) == place:
            del self._places[key_of(before)]
        self._entries[place] = entry
        if entry:
            self._places[key_of(entry)] = place

    def place_of(self, key: RefusalKey) -> int | None:
        """The slot of the entry with this key."""
        return self._places.get(key)

    def is_limited(self, account: str, now: datetime) -> bool:
        """Whether ``account`` has had all its new entries of this minute."""
        fresh = (
            entry
            for entry in self._entries
            if entry and entry.account == account and entry.tried_urls
            if now - _MINUTE < entry.first_at <= now
        )
        return sum(1 for _ in fresh) >= MOST_NEW_A_MINUTE

    def count(self, key: RefusalKey, now: datetime) -> tuple[int, Refusal]:
        """Count a refusal; the slot that has changed, and its entry.

        What is new and over the limit of its account is counted without its URLs.
        """
        place = self._places.get(key)
        if place is None and self.is_limited(key.account, now):
            key = key.without_urls()
            place = self._places.get(key)
        before = None if place is None else self._entries[place]
        if place is None:
            place = self._place_to_reuse()
        first_at = before.first_at if before else now
        entry = Refusal(*key, before.count + 1 if before else 1, min(first_at, now), now)
        self.put(place, entry)
        return place, entry

    def latest(self) -> tuple[Refusal, ...]:
        """All entries, the latest ``last_at`` first."""
        return sorted_refusals(entry for entry in self._entries if entry)

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


def sorted_refusals(entries: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """``entries``, the latest ``last_at`` first."""
    return tuple(sorted(entries, key=lambda entry: entry.last_at, reverse=True))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
