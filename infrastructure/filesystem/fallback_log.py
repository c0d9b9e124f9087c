"""Automatic answers on a machine without provider accounts: they go to a file."""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from application.clock import Clock, utc_now
from application.ports.fallback_sender import FallbackSender
from domain.addresses import normal_value
from domain.channels import ChannelType
from domain.errors import FallbackNotSentError, StorageUnavailableError
from domain.fallback import Fallback
from domain.times import parse_rfc3339, rfc3339
from infrastructure.durable_files import PRIVATE_FILE, replace_file


@dataclass(frozen=True)
class FileFallbackSender(FallbackSender):
    """Appends each answer to a file as one line of JSON, to be looked at."""

    path: Path
    clock: Clock = utc_now

    def send(self, answer: Fallback) -> None:
        """Append ``answer``; ``FallbackNotSentError`` if the file cannot be written."""
        content = {**asdict(answer), "channel": answer.channel, "sent_at": rfc3339(self.clock())}
        line = f"{json.dumps(content)}\n".encode()
        try:
            with self._locked():
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                handle = os.open(self.path, flags, PRIVATE_FILE)
                try:
                    os.write(handle, line)
                finally:
                    os.close(handle)
        except OSError as error:
            raise FallbackNotSentError("the outgoing file cannot be written") from error

    def erase(self, recipients: Collection[str]) -> int:
        """Remove the answers to any of these addresses; how many there were.

        Whoever appends meanwhile waits. Raises ``StorageUnavailableError``.
        """
        return self._remove(lambda line: _is_to(line, recipients))

    def delete_older(self, moment: datetime) -> int:
        """Remove the answers of before ``moment``, and what does not say when; as ``erase``."""
        return self._remove(lambda line: _is_older(line, moment))

    def _remove(self, goes: Callable[[bytes], bool]) -> int:
        try:
            if not self.path.exists():
                return 0
            with self._locked():
                lines = self.path.read_bytes().splitlines(keepends=True)
                retained = [line for line in lines if not goes(line)]
                if len(retained) < len(lines):
                    replace_file(self.path, b"".join(retained))
            return len(lines) - len(retained)
        except OSError as error:
            raise StorageUnavailableError("the outgoing file cannot be changed") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile. The file itself may be replaced, so it is no lock."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), flags, PRIVATE_FILE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _is_to(line: bytes, recipients: Collection[str]) -> bool:
    try:
        content = json.loads(line)
        return normal_value(ChannelType(content["channel"]), content["to"]) in recipients
    except (ValueError, LookupError, TypeError):  # half a line of a writer that was killed
        return any(recipient.encode() in line for recipient in recipients)


def _is_older(line: bytes, moment: datetime) -> bool:
    try:
        return parse_rfc3339(json.loads(line)["sent_at"]) < moment
    except (ValueError, LookupError, TypeError):
        return True
