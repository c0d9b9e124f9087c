"""What a schedule calls. Importing this module builds everything, as Lambda's start does."""

import os
from dataclasses import replace

from entrypoints.aws_lambda.scheduled_functions import PurgeFunction
from entrypoints.aws_lambda.startup import start

lambda_handler = start(
    os.environ,
    # The files of a message go with it. What no message leads to, the bucket of the template
    # deletes by its age: there is nothing to list.
    lambda container, flush_metrics: PurgeFunction(
        replace(container.operations().purge_expired(), blob_folders=()),
        container.clock(),
        flush_metrics,
    ),
)
