"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from collections.abc import Callable
from dataclasses import replace

from entrypoints.aws_lambda.scheduled_functions import PurgeFunction
from entrypoints.aws_lambda.startup import LambdaContext, start
from entrypoints.composition.container import Container


def _build(container: Container, flush_metrics: Callable[[], None]) -> PurgeFunction:
    # The files of a message go with it. What no message leads to, the bucket of the template
    # deletes by its age: there is nothing to list.
    purge = replace(container.operations().purge_expired(), blob_folders=())
    return PurgeFunction(purge, container.clock(), flush_metrics)


_function = start(os.environ, _build)


def lambda_handler(_event: object, context: LambdaContext) -> None:
    """Delete what has been kept for long enough, whatever the schedule says."""
    _function(context.get_remaining_time_in_millis() / 1000, context.aws_request_id)
