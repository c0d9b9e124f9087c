"""Start the packaged function in the folder given, and answer the event in the file given."""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from entrypoints.aws_lambda.webhook_handler import lambda_handler

answer = lambda_handler(json.loads(Path(sys.argv[2]).read_bytes()), None)
if answer["statusCode"] != 200:  # noqa: PLR2004 - OK
    sys.exit(f"the function answered {answer}")
