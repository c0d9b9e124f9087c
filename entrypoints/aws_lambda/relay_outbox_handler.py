"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from collections.abc import Callable

from entrypoints.aws_lambda.scheduled_functions import RelayFunction
from entrypoints.aws_lambda.startup import LambdaContext, start
from entrypoints.composition.container import Container
from entrypoints.operations.background_jobs import relay_some

ENOUGH_MILLISECONDS = 15_000
"""More than one message takes when nothing answers."""


def _build(container: Container, flush_metrics: Callable[[], None]) -> RelayFunction:
    return RelayFunction(lambda has_time: relay_some(container, has_time), flush_metrics)


_function = start(os.environ, _build)


def lambda_handler(_event: object, context: LambdaContext) -> None:
    """Relay what stayed pending, whatever the schedule says."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS

    _function(has_time, context.aws_request_id)
