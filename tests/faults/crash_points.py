"""Points at which a process may die: around every effect, and inside those of each engine."""

import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from dependency_injector import providers
from typing_extensions import override

from application.ports.webhook_parser import WebhookResponse
from entrypoints.composition.container import Container
from entrypoints.http.webhooks.protocol import WebhookCycle, WebhookProtocol
from infrastructure.sqlite.database import SqliteDatabase

if TYPE_CHECKING:
    from botocore.client import BaseClient

EFFECTS = frozenset(
    {
        *("conversations.open_conversation", "conversations.record_activity"),
        *(
            "messages.record",
            "messages.assign",
            "messages.add_fallback",
            "outbox.take_lease",
            "outbox.add_failure",
            "outbox.give_up",
        ),
        *("outbox.mark_queued", "outbox.retry", "outbox.move"),
        *("throttle.acquire", "throttle.release", "sender.send"),
        *("dead_letters.store", "dead_letters.replace", "dead_letters.delete"),
        *("blobs.put", "queue.publish", "queue.acknowledge"),
        *("spool.enqueue", "spool.receive", "spool.acknowledge", "spool.release"),
    }
)
"""Every call that changes anything outside of the process, but for erasure and retention."""

_CHANGES = re.compile(r"\s*(BEGIN|COMMIT|INSERT INTO \w+|UPDATE \w+|DELETE FROM \w+)")
_FILE_EVENTS = frozenset({"os.rename", "os.link", "os.remove"})
_READING_CALLS = ("Get", "Head", "Query", "List", "BatchGet")

BETWEEN_UNITS = "between two units"
BEFORE_COMMIT = "before SQL COMMIT"
AFTER_COMMIT = "after SQL COMMIT"
AROUND_COMMIT = (BETWEEN_UNITS, BEFORE_COMMIT, AFTER_COMMIT)
"""The points at which the webhooks of one group are all in danger."""

AROUND_SPOOL = ("before spool.enqueue", "after spool.enqueue")

AROUND_EFFECT = re.compile(r"(?:before|after) (\w+\.\w+)#")
"""A point around an effect, and the effect's name."""

Death = str | int | None
"""Where to die: at a named point, like ``before messages.record#2``, or at the n-th of all."""


class Points:
    """Writes the name of each point that is reached to a file, and dies at one of them."""

    def __init__(self, log: Path, death: Death) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._death = death
        self._reached: Counter[str] = Counter()
        self._turn = RLock()
        self._units_begun = 0

    def reached(self, name: str) -> None:
        """Be at a point; maybe for ever."""
        with self._turn:
            self._reached[name] += 1
            point = f"{name}#{self._reached[name]}"
            os.write(self._log, f"{point}\n".encode())
            if self._death in (point, self._reached.total()):
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Points before and after a call of a port, if it has an effect."""
        if name not in EFFECTS:
            yield
            return
        self.reached(f"before {name}")
        yield
        self.reached(f"after {name}")

    @contextmanager
    def around_responses(self) -> Iterator[None]:
        """Points before and after an answer is written."""
        respond = WebhookProtocol.respond

        def watched(
            protocol: WebhookProtocol, cycle: WebhookCycle, response: WebhookResponse
        ) -> None:
            self.reached("before response")
            respond(protocol, cycle, response)
            self.reached("after response")

        with patch.object(WebhookProtocol, "respond", watched):
            yield

    def within_database(self, container: Container) -> None:
        """Points before each statement that changes something, and after each COMMIT."""
        path = container.settings().data_dir / "frontdesk.db"
        database = _WatchedDatabase(path, self._at_statement, lambda: self.reached(AFTER_COMMIT))
        container.database.override(providers.Object(database))

    def begin_unit(self) -> None:
        """Be at a point if the transaction has had a unit before this one."""
        self._units_begun += 1
        if self._units_begun > 1:
            self.reached(BETWEEN_UNITS)

    def _at_statement(self, statement: str) -> None:
        if change := _CHANGES.match(statement):
            self.reached(f"before SQL {change[1]}")
            if change[1] == "BEGIN":
                self._units_begun = 0

    def within_files(self, directory: Path) -> None:
        """Points before each file in ``directory`` gets a name or loses one. For ever."""

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event in _FILE_EVENTS:
                path = Path(os.fsdecode(arguments[0]))  # type: ignore[arg-type]  # their first one
                if path.is_relative_to(directory):
                    self.reached(f"before {event} in {path.relative_to(directory).parts[0]}")

        sys.addaudithook(hook)

    def within_aws(self, *clients: "BaseClient") -> None:
        """Points before and after each request that changes something."""
        for client in clients:
            for event, when in (("before-call", "before"), ("after-call", "after")):
                client.meta.events.register(event, self._at_call(when))

    def _at_call(self, when: str) -> Any:
        def handler(model: Any, **_: Any) -> None:
            if not model.name.startswith(_READING_CALLS):
                self.reached(f"{when} AWS {model.name}")

        return handler


class _WatchedDatabase(SqliteDatabase):
    """Tells when a COMMIT has returned; nobody else knows of it yet."""

    def __init__(
        self, path: Path, on_statement: Callable[[str], None], after_commit: Callable[[], None]
    ) -> None:
        super().__init__(path, on_statement=on_statement)
        self._after_commit = after_commit

    @contextmanager
    @override
    def write(self, *, for_many: bool = False) -> Iterator[sqlite3.Connection]:
        with super().write(for_many=for_many) as connection:
            yield connection
        self._after_commit()
