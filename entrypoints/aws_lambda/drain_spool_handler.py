"""What the spool queue calls. Importing this module builds everything, as Lambda's start does."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entrypoints.aws_lambda.scheduled_functions import SpoolFunction
from entrypoints.aws_lambda.startup import start
from entrypoints.composition.container import Container


def _build(container: Container, flush_metrics: Callable[[], None]) -> SpoolFunction:
    return SpoolFunction(
        container.read_spool_record(), container.operations().drain_spool(), flush_metrics
    )


_function = start(os.environ, _build)


def lambda_handler(
    event: Mapping[str, Sequence[Mapping[str, Any]]], context: object
) -> dict[str, object]:
    """Drain the entries in ``event``; which of them stay on the queue."""
    return _function(event["Records"], getattr(context, "aws_request_id", None))
