"""Automatic answers on a machine without provider accounts: they go to a file."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from application.ports.channels import AnswerSender
from domain.automatic_answers import AutomaticAnswer
from domain.errors import AnswerNotSentError


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
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise AnswerNotSentError("the outgoing file cannot be written") from error
