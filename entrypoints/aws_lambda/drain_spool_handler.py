"""What the spool queue calls. Importing this module builds everything, as Lambda's start does."""

import os

from entrypoints.aws_lambda.scheduled_functions import SpoolFunction
from entrypoints.aws_lambda.startup import start

lambda_handler = start(
    os.environ,
    lambda container, flush_metrics: SpoolFunction(
        container.read_spool_record(), container.operations().drain_spool(), flush_metrics
    ),
)
