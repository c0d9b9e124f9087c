"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from collections.abc import Callable

from entrypoints.aws_lambda.startup import start
from entrypoints.aws_lambda.workers import RelayFunction
from entrypoints.container import Container
from entrypoints.leftovers import relay_some


def _build(container: Container, flush_metrics: Callable[[], None]) -> RelayFunction:
    return RelayFunction(lambda: relay_some(container), flush_metrics)


_function = start(os.environ, _build)


def lambda_handler(_event: object, context: object) -> None:
    """Relay what stayed pending, whatever the schedule says."""
    _function(getattr(context, "aws_request_id", None))
