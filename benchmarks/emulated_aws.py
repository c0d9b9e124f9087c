"""AWS on this machine, with everything in it that the function needs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulators import EmulatedAws, running_ministack
from tests.entrypoints.aws_lambda.aws_settings import aws_settings

ACCOUNT_SID = "AC00000000000000000000000000000042"
AUTH_TOKEN = "the token of nobody"  # noqa: S105 - of nobody


@contextmanager
def function_environ() -> Iterator[dict[str, str]]:
    """Start an emulator, make tables, queues and bucket, and give the function's settings."""
    with tempfile.TemporaryDirectory() as folder, running_ministack(Path(folder)) as aws:
        yield _settings(aws)


def _settings(aws: EmulatedAws) -> dict[str, str]:
    return {
        **aws_settings(aws),
        "UNKNOWN_SENDER": "open",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "LOG_LEVEL": "WARNING",
    }
