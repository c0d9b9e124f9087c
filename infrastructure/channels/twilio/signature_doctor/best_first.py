"""Combinations of variations, the ones with the fewest and likeliest changes first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Generic, TypeVar

from application.ports.signature_doctor import Cause

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variation(Generic[T]):
    """One way in which a part of a request may have been when it was signed.

    ``cost`` is 0 for what was captured, and about 1 for each change; the likelier, the less.
    """

    value: T = field(repr=False)
    cost: float = 0.0
    causes: tuple[Cause, ...] = ()


class Axis(Generic[T]):
    """Variations of one part, the cheapest first, each value once; made as they are asked for."""

    def __init__(self, variations: Iterable[Variation[T]], most: int | None = None) -> None:
        self._made: list[Variation[T]] = []
        self._rest = islice(_each_once(variations), most)

    def at(self, index: int) -> Variation[T] | None:
        """The variation at ``index``; ``None`` after the last one."""
        while len(self._made) <= index:
            following = next(self._rest, None)
            if following is None:
                return None
            self._made.append(following)
        return self._made[index]


def _each_once(variations: Iterable[Variation[T]]) -> Iterator[Variation[T]]:
    seen: set[T] = set()
    for variation in variations:
        if variation.value not in seen:
            seen.add(variation.value)
            yield variation


def ranked(variations: Iterable[Variation[T]]) -> Axis[T]:
    """An axis of variations that come in any order; a value counts at its lowest cost."""
    return Axis(sorted(variations, key=lambda one: one.cost))


def best_first(axes: Sequence[Axis[Any]]) -> Iterator[tuple[Variation[Any], ...]]:
    """One variation of each axis, every combination once, the cheapest first."""
    first = tuple(one for axis in axes if (one := axis.at(0)))
    if len(first) < len(axes):
        return
    start = (0,) * len(axes)
    heap = [(_cost(first), start, 0, first)]
    while heap:
        _, indexes, lowest_axis, combination = heappop(heap)
        yield combination
        # Only this axis and later ones move: so one way leads to each combination.
        for number in range(lowest_axis, len(axes)):
            index = indexes[number] + 1
            if (following := axes[number].at(index)) is not None:
                moved = (*indexes[:number], index, *indexes[number + 1 :])
                changed = (*combination[:number], following, *combination[number + 1 :])
                heappush(heap, (_cost(changed), moved, number, changed))


def _cost(combination: tuple[Variation[Any], ...]) -> float:
    return sum(variation.cost for variation in combination)
