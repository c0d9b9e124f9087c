"""Which refusals are remembered, and which make room: the same rules wherever they lie."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from application.ports.refusals import BriefDiagnosis, Refusal
from domain.channels import ChannelType

SLOTS: Final = 500

MOST_NEW_A_MINUTE = 20
"""Of one account: a forger who knows its id must not push out all others."""

MAX_URL_CHARACTERS = 300
MAX_ACCOUNT_CHARACTERS = 200
MAX_CAUSE_CHARACTERS = 400
MAX_REMEDY_CHARACTERS = 800

CERTAINTY_STANDS = timedelta(hours=1)
"""How long a proven diagnosis is not replaced by one that any forger can make."""

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
            printable(account, MAX_ACCOUNT_CHARACTERS),
            reason,
            printable(tried_urls, MAX_URL_CHARACTERS),
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

    def add(self, new: Refusal) -> tuple[int, Refusal] | None:
        """Count ``new`` with equal ones; the slot that has changed, and its entry.

        What is over the limit of its account is counted without its URLs. A diagnosis of refusals
        that are counted already changes nothing if they are not here any more.
        """
        key = key_of(new)
        place = self._places.get(key)
        if place is None and not new.count:
            return None
        if place is None and self._is_limited(key.account, new.last_at):
            key = key.without_urls()
            place = self._places.get(key)
        before = None if place is None else self._entries[place]
        if place is None:
            place = self._place_to_reuse()
        entry = merged(before, replace(new, tried_urls=key.tried_urls))
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
    """Equal refusals as one. Without a count, ``new`` is a diagnosis of those before."""
    if before is None:
        return new
    times = [at for at in (before.accepted_at, new.accepted_at) if at]
    return replace(
        new if new.count else before,
        count=before.count + new.count,
        first_at=min(before.first_at, new.first_at),
        accepted_at=max(times, default=None),
        diagnosis=_stronger(before.diagnosis, new.diagnosis),
    )


def _stronger(before: BriefDiagnosis | None, new: BriefDiagnosis | None) -> BriefDiagnosis | None:
    """The newer diagnosis. The attack: forged requests that hide why real ones are refused."""
    if before is None or new is None:
        return new or before
    stands = before.is_certain and new.at - before.at < CERTAINTY_STANDS
    return before if stands and not new.is_certain else new


def sorted_refusals(entries: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """``entries``, equal ones as one, the latest ``last_at`` first."""
    in_order: dict[RefusalKey, Refusal] = {}
    for entry in sorted(entries, key=lambda entry: entry.last_at):
        key = key_of(entry)
        # Taken out first: what comes later goes to the end.
        in_order[key] = merged(in_order.pop(key, None), entry)
    return tuple(reversed(in_order.values()))


def printable(text: str, most: int) -> str:
    """``text`` in the form in which it is stored: at most so many characters, all printable."""
    text = text[:most]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
