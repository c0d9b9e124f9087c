"""Fallbacks on a developer's machine, which has no provider accounts: they go to a file."""

import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from typing_extensions import override

from application.clock import Clock, utc_now
from application.ports.fallback_sender import FallbackSender
from domain.errors import FallbackNotSentError
from domain.fallback import Fallback
from domain.times import rfc3339
from domain.trail import FallbackResult
from infrastructure.durable_files import PRIVATE_FILE


@dataclass(frozen=True)
class FileFallbackSender(FallbackSender):
    """Appends each fallback to a file as one line of JSON, for the developer to read and delete."""

    path: Path
    clock: Clock = utc_now
    result = FallbackResult.WRITTEN_TO_FILE

    @override
    def send(self, fallback: Fallback) -> None:
        content = {**asdict(fallback), "sent_at": rfc3339(self.clock())}
        private = partial(os.open, mode=PRIVATE_FILE)
        try:
            with open(self.path, "a", encoding="ascii", opener=private) as file:
                file.write(f"{json.dumps(content)}\n")
        except OSError as error:
            raise FallbackNotSentError("the file of fallbacks cannot be written") from error
