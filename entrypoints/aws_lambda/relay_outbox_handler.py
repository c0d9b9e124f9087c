"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from functools import partial

from entrypoints.aws_lambda.scheduled_functions import RelayFunction
from entrypoints.aws_lambda.startup import start
from entrypoints.operations.background_jobs import relay_some

lambda_handler = start(
    os.environ,
    lambda container, flush_metrics: RelayFunction(partial(relay_some, container), flush_metrics),
)
