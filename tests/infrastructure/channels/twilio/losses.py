"""Finds parameters of a form that are nowhere in the message made of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from domain.messages import InboundMessage


def lost_parameters(
    pairs: Iterable[tuple[str, str]], message: InboundMessage
) -> list[tuple[str, list[str]]]:
    """Each parameter that is neither verbatim under ``provider`` nor a fact of the message."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    provider = message.metadata["provider"]
    assert isinstance(provider, Mapping)
    facts = list(_facts({**asdict(message), "metadata": _without_provider(message)}))
    return [
        (name, values)
        for name, values in given.items()
        if not _is_verbatim(provider, name, values)
        and not (len(values) == 1 and any(_says(fact, values[0]) for fact in facts))
    ]


def _without_provider(message: InboundMessage) -> dict[str, object]:
    return {name: value for name, value in message.metadata.items() if name != "provider"}


def _is_verbatim(provider: Mapping[str, object], name: str, values: list[str]) -> bool:
    return name in provider and provider[name] == (values if len(values) > 1 else values[0])


def _facts(value: object) -> Iterator[object]:
    """``value`` and everything inside it."""
    yield value
    children: Iterable[object] = ()
    if isinstance(value, Mapping):
        children = value.values()
    elif isinstance(value, list | tuple):
        children = value
    for child in children:
        yield from _facts(child)


def _says(fact: object, text: str) -> bool:
    """Whether ``fact`` is ``text``, or what it means as JSON: a number, a flag, an object."""
    if isinstance(fact, str) or fact is None:
        return fact == text
    try:
        meant = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(meant, bool) is isinstance(fact, bool) and bool(meant == fact)
