"""Wrap every call of a port, so that a test can kill the process there or let it fail."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from dependency_injector import providers

from application.ports.unit_of_work import Unit
from entrypoints.composition.container import Container
from tests.changed_units import ChangedUnits

Around = Callable[[str], AbstractContextManager[None]]
"""A context around a call, made from its name, like ``messages.record``."""


class Watched:
    """An adapter with ``around`` about each call of a method."""

    def __init__(self, adapter: object, role: str, around: Around) -> None:
        self._adapter = adapter
        self._role = role
        self._around = around

    @property  # type: ignore[misc]  # what it can do is asked by its type
    def __class__(self) -> type:
        return type(self._adapter)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._adapter, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            with self._around(f"{self._role}.{name}"):
                return attribute(*arguments, **named)

        return call


class WatchedBackend:
    """A backend whose ``roles`` are watched."""

    def __init__(self, backend: object, roles: Collection[str], around: Around) -> None:
        self._backend = backend
        self._roles = roles
        self._around = around

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._backend, name)
        return Watched(attribute, name, self._around) if name in self._roles else attribute


def _watched_unit(unit: Unit, around: Around) -> Unit:
    """Plain ports are watched already."""
    if not unit.is_atomic:
        return unit
    roles = {"publisher": "queue"}
    ports: dict[str, Any] = {
        name: Watched(getattr(unit, name), roles.get(name, name), around)
        for name in ("conversations", "messages", "outbox", "publisher")
    }
    return replace(unit, **ports)


_FILES = ("blobs", "dead_letters")
_STORES = ("conversations", "messages", "outbox", "retention", "history_import", "throttle")


def watch_ports(container: Container, around: Around) -> None:
    """Put ``around`` about the ports of ``container``, of which nothing may be in use yet.

    The roles: those of ``Stores``, ``blobs``, ``dead_letters``, ``queue``, ``spool``,
    ``sender``.
    """

    def watched(adapter: object, role: str) -> Any:
        return Watched(adapter, role, around)

    # Files first, because the other parts may use the blobs.
    for backend, roles in ((container.files, _FILES), (container.stores, _STORES)):
        backend.override(providers.Object(WatchedBackend(backend(), roles, around)))
    for provider, role in (
        (container.context_queue, "queue"),
        (container.spool, "spool"),
    ):
        provider.override(providers.Object(watched(provider(), role)))
    unit_of_work = container.unit_of_work()
    container.unit_of_work.override(
        providers.Object(ChangedUnits(unit_of_work, lambda unit: _watched_unit(unit, around)))
    )
    senders = {
        channel: providers.Object(watched(sender(), "sender")).provider
        for channel, sender in container.senders().items()
    }
    container.senders.override(providers.Dict(senders))
