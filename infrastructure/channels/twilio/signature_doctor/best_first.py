"""Combinations of variations, the ones with the fewest and likeliest changes first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
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


def ranked(variations: Iterable[Variation[T]]) -> list[Variation[T]]:
    """Each value once, at its lowest cost, the cheapest first."""
    cheapest: dict[T, Variation[T]] = {}
    for variation in sorted(variations, key=lambda one: one.cost):
        cheapest.setdefault(variation.value, variation)
    return list(cheapest.values())


def best_first(axes: Sequence[Sequence[Variation[Any]]]) -> Iterator[tuple[Variation[Any], ...]]:
    """One variation of each axis, every combination once, the cheapest first.

    Each axis is sorted by cost. Only what is asked for is made: there may be millions.
    """
    if not all(axes):
        return
    first = (0,) * len(axes)
    heap = [(_cost(axes, first), first, 0)]
    while heap:
        _, indexes, lowest_axis = heappop(heap)
        yield tuple(axis[index] for axis, index in zip(axes, indexes, strict=True))
        # Only this axis and later ones move: so one way leads to each combination.
        for number in range(lowest_axis, len(axes)):
            index = indexes[number] + 1
            if index < len(axes[number]):
                following = (*indexes[:number], index, *indexes[number + 1 :])
                heappush(heap, (_cost(axes, following), following, number))


def _cost(axes: Sequence[Sequence[Variation[Any]]], indexes: tuple[int, ...]) -> float:
    return sum(axis[index].cost for axis, index in zip(axes, indexes, strict=True))
