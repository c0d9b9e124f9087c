"""Log lines: a constant sentence and ids. Never a text, an address or a secret.

What must not leak cannot, by construction rather than by care: only the named fields are
written, tracebacks go without the messages of their exceptions, and other libraries' lines
go without the values that they were formatted with.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

from typing_extensions import override

from domain.times import rfc3339

FIELDS = (
    *("aws_request_id", "request_id", "channel", "conversation_id", "message_id", "outcome"),
    *("queue", "delay_seconds"),
    *("status", "duration_ms", "reason", "tried_urls", "result", "error", "provider_code"),
    *("dead_letter_id", "spool_entry_id", "sqs_message_id", "task"),
    *("token_name", "action"),
)
"""The only extra fields that reach a log line, in this order."""

OUR_PACKAGES = frozenset({"domain", "application", "infrastructure", "entrypoints"})

_encode = json.JSONEncoder(default=str).encode

_aws_request_id: Final[ContextVar[str | None]] = ContextVar("aws_request_id", default=None)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send every log line to ``stream`` (standard error): readable on a terminal, else JSON.

    ``level`` holds for Frontdesk's own lines; other libraries are heard from WARNING on.
    """
    target = stream or sys.stderr
    handler = _console_handler(target) if target.isatty() else _json_handler(target)
    handler.addFilter(_prepared)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in OUR_PACKAGES:
        logging.getLogger(package).setLevel(level)
    # No line shows what these collect: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


@contextmanager
def log_aws_request_id(value: str | None) -> Iterator[None]:
    """Put the id that Lambda gave this invocation on every line logged within."""
    token = _aws_request_id.set(value)
    try:
        yield
    finally:
        _aws_request_id.reset(token)


def _console_handler(stream: TextIO) -> logging.Handler:
    """Time, level and sentence in columns, then the fields, for people."""
    from rich.console import Console
    from rich.highlighter import NullHighlighter
    from rich.logging import RichHandler

    handler = RichHandler(
        console=Console(file=stream),
        show_path=False,
        markup=False,
        log_time_format="%H:%M:%S",
        highlighter=NullHighlighter(),
    )
    handler.setFormatter(_ConsoleFormatter())
    return handler


def _json_handler(stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLinesFormatter())
    return handler


def _prepared(record: logging.LogRecord) -> bool:
    """Take the values out of other libraries' lines, and name the invocation of a function."""
    if record.name.partition(".")[0] not in OUR_PACKAGES:
        # Without arguments the sentence may have been formatted already: it is not constant.
        record.msg = f"{record.name}: {record.msg if record.args else 'a message without form'}"
        record.args = None
        for name in FIELDS:
            record.__dict__.pop(name, None)
    record.aws_request_id = _aws_request_id.get()
    return True


class JsonLinesFormatter(logging.Formatter):
    """One object in each line: what happened, the fields, and where an error came from."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "timestamp": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.msg,
            **_fields(record),
        }
        if frames := _frames(record):
            line["traceback"] = frames
        return _encode(line)


class _ConsoleFormatter(logging.Formatter):
    """The sentence, then ``name=value`` for each field, then where an error came from."""

    def format(self, record: logging.LogRecord) -> str:
        fields = (f"{name}={_printable(value)}" for name, value in _fields(record).items())
        first = "  ".join((str(record.msg), " ".join(fields))).rstrip()
        return "\n  ".join((first, *_frames(record)))


def _printable(value: object) -> str:
    """No control character of an id reaches the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    given = record.__dict__
    return {name: given[name] for name in FIELDS if given.get(name) is not None}


def _frames(record: logging.LogRecord) -> list[str]:
    """Each exception of the chain by type, with its places in the code, without its message."""
    if not record.exc_info:
        return []
    lines: list[str] = []
    error = record.exc_info[1]
    seen: set[int] = set()
    # An error that is raised again among its own causes closes the chain to a circle.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines.append(type(error).__name__)
        lines += [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        error = error.__cause__ or error.__context__
    return lines
