"""Automatic answers on a machine without provider accounts: they go to a file."""

import fcntl
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from application.ports.channels import AnswerSender
from domain.addresses import ChannelType, normal_value
from domain.automatic_answers import AutomaticAnswer
from domain.errors import AnswerNotSentError, StorageUnavailableError


@dataclass(frozen=True)
class OutgoingFileSender(AnswerSender):
    """Appends each answer to a file as one line of JSON, to be looked at."""

    path: Path

    def send(self, answer: AutomaticAnswer) -> None:
        """Append ``answer``; ``AnswerNotSentError`` if the file cannot be written."""
        line = json.dumps({**asdict(answer), "channel": answer.channel.value}) + "\n"
        try:
            # One write in append mode: lines of several processes do not mix.
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise AnswerNotSentError("the outgoing file cannot be written") from error

    def erase(self, recipients: Collection[str]) -> int:
        """Remove the answers to any of these addresses; how many there were.

        Whoever appends meanwhile waits. Raises ``StorageUnavailableError``.
        """
        try:
            with self.path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                lines = file.readlines()
                kept = [line for line in lines if not _is_to(line, recipients)]
                if len(kept) < len(lines):
                    file.seek(0)
                    file.writelines(kept)
                    file.truncate()
                return len(lines) - len(kept)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageUnavailableError("the outgoing file cannot be changed") from error


def _is_to(line: bytes, recipients: Collection[str]) -> bool:
    try:
        content = json.loads(line)
        return normal_value(ChannelType(content["channel"]), content["to"]) in recipients
    except (ValueError, LookupError, TypeError):  # half a line of a writer that was killed
        return any(recipient.encode() in line for recipient in recipients)
