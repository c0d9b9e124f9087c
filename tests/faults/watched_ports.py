"""Wrap every call of a port, so that a test can kill the process there or let it fail."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import Any

from dependency_injector import providers

from application.ports.stores import Stores
from entrypoints.composition.backends import Files
from entrypoints.composition.container import Container

Around = Callable[[str], AbstractContextManager[None]]
"""A context around a call, made from its name, like ``messages.record``."""


class Watched:
    """An adapter with ``around`` about each call of a method."""

    def __init__(self, adapter: object, role: str, around: Around) -> None:
        self._adapter = adapter
        self._role = role
        self._around = around

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._adapter, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            with self._around(f"{self._role}.{name}"):
                return attribute(*arguments, **named)

        return call


def watch_ports(container: Container, around: Around) -> None:
    """Put ``around`` about the ports of ``container``, of which nothing may be in use yet.

    The roles: those of ``Stores``, ``blobs``, ``dead_letters``, ``queue``, ``spool``,
    ``sender``.
    """

    def watched(adapter: object, role: str) -> Any:
        return Watched(adapter, role, around)

    # First, because the other parts may use the blobs.
    files = container.files()
    watched_files = Files(
        watched(files.blobs, "blobs"), watched(files.dead_letters, "dead_letters")
    )
    container.files.override(providers.Object(watched_files))
    stores = container.stores()
    roles = [field.name for field in fields(stores)]
    watched_stores = Stores(*(watched(getattr(stores, role), role) for role in roles))
    container.stores.override(providers.Object(watched_stores))
    for provider, role in (
        (container.context_queue, "queue"),
        (container.spool, "spool"),
        (container.twilio_sender, "sender"),
        (container.sendgrid_sender, "sender"),
    ):
        provider.override(providers.Object(watched(provider(), role)))
