"""Finds parameters of a form that the message made of it does not contain."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from domain.messages import InboundMessage


def lost_parameters(
    pairs: Iterable[tuple[str, str]], message: InboundMessage
) -> list[tuple[str, list[str]]]:
    """Each parameter that is neither verbatim under ``provider`` nor a value of the message."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    provider = message.metadata["provider"]
    assert isinstance(provider, Mapping)
    message_values = list(
        _nested_values({**asdict(message), "metadata": _without_provider(message)})
    )
    return [
        (name, values)
        for name, values in given.items()
        if not _is_verbatim(provider, name, values)
        and not (len(values) == 1 and any(_means(value, values[0]) for value in message_values))
    ]


def _without_provider(message: InboundMessage) -> dict[str, object]:
    return {name: value for name, value in message.metadata.items() if name != "provider"}


def _is_verbatim(provider: Mapping[str, object], name: str, values: list[str]) -> bool:
    return name in provider and provider[name] == (values if len(values) > 1 else values[0])


def _nested_values(value: object) -> Iterator[object]:
    """``value`` and everything inside it."""
    yield value
    children: Iterable[object] = ()
    if isinstance(value, Mapping):
        children = value.values()
    elif isinstance(value, list | tuple):
        children = value
    for child in children:
        yield from _nested_values(child)


def _means(value: object, text: str) -> bool:
    """Whether ``value`` is ``text``, or what it means as JSON: a number, a flag, an object."""
    if isinstance(value, str) or value is None:
        return value == text
    try:
        meant = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(meant, bool) is isinstance(value, bool) and bool(meant == value)
