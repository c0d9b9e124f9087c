"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from collections.abc import Callable
from typing import Protocol

from entrypoints.aws_lambda.startup import start
from entrypoints.aws_lambda.workers import RelayFunction
from entrypoints.container import Container
from entrypoints.leftovers import relay_some

ENOUGH_MILLISECONDS = 15_000
"""More than one message takes when nothing answers."""


class LambdaContext(Protocol):
    """Of what Lambda tells about an invocation, what is used here."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """How much of the function's time is left."""


def _build(container: Container, flush_metrics: Callable[[], None]) -> RelayFunction:
    return RelayFunction(lambda has_time: relay_some(container, has_time), flush_metrics)


_function = start(os.environ, _build)


def lambda_handler(_event: object, context: LambdaContext) -> None:
    """Relay what stayed pending, whatever the schedule says."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS

    _function(has_time, context.aws_request_id)
