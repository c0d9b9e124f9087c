"""What Lambda calls. Importing this module builds everything: Lambda's initialisation does."""

import gc
import os

# Until everything is built nothing is garbage, and looking for it takes a fifth of the start.
gc.disable()

from entrypoints.aws_lambda.startup import LambdaContext  # noqa: E402 - see above
from entrypoints.aws_lambda.webhook_function import build_function  # noqa: E402 - see above

_function = build_function(os.environ)

# What is built stays: later collections need not look at it either.
gc.freeze()
gc.enable()


def lambda_handler(event: object, context: LambdaContext | None) -> dict[str, object]:
    """Answer one webhook, of any API type. ``context`` gives the log its request id."""
    return _function(event, context.aws_request_id if context else None)
