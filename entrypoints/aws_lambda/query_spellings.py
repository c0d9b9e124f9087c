"""The ways in which a query may have been written that reaches a function decoded.

A provider signs the bytes of the URL that an operator configured. API Gateway's REST API passes
on what they mean: ``name=Ana+Lopes`` and ``name=Ana%20Lopes`` are one event. It keeps no order
of different names either: https://github.com/aws/aws-lambda-go/issues/469
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, permutations, product
from string import ascii_letters, digits
from urllib.parse import quote

from entrypoints.public_urls import sent_queries

Pairs = Sequence[tuple[str, str]]
_Table = dict[int, str]
"""How each character is written that is not written as it is."""

SPELLINGS = 64
"""How many spellings there are in the order of the event.

Enough for five doubtful points that are written alike in all parameters (32), or for two
parameters that are written differently (some seven ways each). Each spelling costs a hash of
the request, also for a forged one.
"""

REORDERED = 32
"""How many there are in other orders. Four parameters have 23 of them."""

MAX_REORDERED_PAIRS = 4
WAYS_OF_ONE = 16

MAX_CHARACTERS = 300
"""A query with more, or with more parameters, has one spelling.

An attacker would send it to make each one dearer.
"""

_PLAIN = frozenset(ascii_letters + digits + "-._")
_GROUPS = ("/", ":", "@", "!'()*", "$,;?", "=", "+", "[]{}|", "~")
"""Characters that tools escape or leave as they are, group by group.

Escaped together: by everything that escapes a value. ``/`` is left by Python, ``!'()*~`` by
JavaScript, most by a person who types. A plus is one where an emulator has not decoded it.
Only ``&``, ``#``, ``%`` and the like are always escaped.
"""


def decoded_queries(pairs: Pairs) -> tuple[str, ...]:
    """The queries that mean ``pairs``, the likeliest first: at most 96."""
    if not pairs:
        return ("",)
    usual = _query(pairs, {**_escapes(pairs), ord("~"): "~"})
    # A parameter may have no character at all.
    if max(len(pairs), sum(map(len, chain.from_iterable(pairs)))) > MAX_CHARACTERS:
        return (usual,)
    ways = _first(chain((usual,), _alike(pairs), _each_its_own_way(pairs)), SPELLINGS)
    return tuple(dict.fromkeys((*ways, *_first(_reordered(pairs), REORDERED))))


def encoded_queries(pairs: Pairs) -> tuple[str, ...]:
    """The queries that have ``pairs``, which are still as they were sent: at most four.

    Of a load balancer. Only of a parameter without value it does not tell how it was written.
    """
    sent = (_query(pairs, {}, bare=bare) for bare in _bare(pairs))
    return tuple(chain.from_iterable(map(sent_queries, sent)))


def _first(queries: Iterable[str], count: int) -> Iterable[str]:
    """The first different ones. Only half as many more are made, for they cost time too."""
    return islice(dict.fromkeys(islice(queries, count + count // 2)), count)


def _alike(pairs: Pairs) -> Iterator[str]:
    """The queries in which all parameters are written alike."""
    return (_query(pairs, table, bare=bare) for table in _tables(pairs) for bare in _bare(pairs))


def _query(pairs: Pairs, table: _Table, *, bare: bool = False) -> str:
    return "&".join(_pair(name, text, table, bare=bare) for name, text in pairs)


def _pair(name: str, text: str, table: _Table, *, bare: bool) -> str:
    """One parameter; a ``bare`` one without value has no ``=``. A name has none ever."""
    written = name.translate({**table, ord("="): "%3D"})
    return written if bare and not text else f"{written}={text.translate(table)}"


def _bare(pairs: Pairs) -> tuple[bool, ...]:
    return (False, True) if any(not text for _, text in pairs) else (False,)


def _tables(pairs: Pairs) -> Iterator[_Table]:
    """All escaped, all as it is, and then by groups; each with both ways to write a space.

    Last the same with lower-case escapes, which .NET writes.
    """
    escapes = _escapes(pairs)
    present = [group for group in _GROUPS if any(ord(character) in escapes for character in group)]
    some = ("".join(chosen) for chosen in product(*(("", group) for group in present)))
    spaces = ("%20", "+") if ord(" ") in escapes else ("%20",)
    raw_groups = dict.fromkeys(("", "".join(present), *islice(some, SPELLINGS)))
    lower = {code: text.lower() for code, text in escapes.items()}
    for table in (escapes, lower) if lower != escapes else (escapes,):
        for raw in raw_groups:
            as_it_is = {ord(character): character for character in raw}
            for space in spaces:
                yield {**table, **as_it_is, ord(" "): space}


def _escapes(pairs: Pairs) -> _Table:
    """How each character of ``pairs`` is escaped that some tool escapes."""
    characters = set(chain.from_iterable(chain.from_iterable(pairs))) - _PLAIN
    escapes = {ord(character): quote(character, "", errors="replace") for character in characters}
    return {**escapes, ord("~"): "%7E"} if "~" in characters else escapes


def _each_its_own_way(pairs: Pairs) -> Iterator[str]:
    """Each parameter in every way: a person has typed one, a tool has made the other."""
    return map("&".join, product(*(_first(_alike([pair]), WAYS_OF_ONE) for pair in pairs)))


def _reordered(pairs: Pairs) -> Iterator[str]:
    """The other orders of parameters that are written alike, those of the likeliest way first."""
    if len(pairs) <= MAX_REORDERED_PAIRS:
        for ways in zip(*map(_alike, permutations(pairs)), strict=True):
            yield from ways
