"""Makes the HTML of a mail safe in a process of its own, which a hostile mail may use up."""

import json
import logging
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping

from infrastructure.mail.safe_html import SafeHtml

logger = logging.getLogger(__name__)

MAX_HTML_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 8 * 1024 * 1024
WAIT_SECONDS = 12.0

_COMMAND = (sys.executable, "-m", "infrastructure.mail.safe_html")


def sanitized(html: str, pictures: Mapping[str, bytes]) -> SafeHtml | None:
    """``html`` made safe, or ``None`` if it takes more time or memory than a mail may.

    ``pictures`` are those that came with it, by Content-ID.
    """
    encoded = {name: b64encode(content).decode() for name, content in pictures.items()}
    given = json.dumps({"html": html, "pictures": encoded})
    # What this process can import, that one can: and it knows nothing of the environment.
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)  # noqa: PTH109 - a text
    environ = {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own, and the mail is its input
            _COMMAND,
            input=given.encode(),
            capture_output=True,
            timeout=WAIT_SECONDS,
            env=environ,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        logger.warning("mail is too costly to show", extra={"reason": type(error).__name__})
        return None
    if len(done.stdout) > MAX_ANSWER_BYTES:
        logger.warning("mail is too costly to show", extra={"reason": "too long"})
        return None
    fields = json.loads(done.stdout)
    return SafeHtml(
        fields["body"],
        tuple(fields["styles"]),
        tuple(fields["links"]),
        fields["remote_pictures"],
        fields["unfit_pictures"],
    )
