"""Fallbacks by mail: SendGrid's v3 mail/send.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from application.ports.fallback_sender import FallbackSender
from domain.errors import FallbackNotSentError, FallbackRefusedError, FallbackUncertainError
from domain.fallback import Fallback
from infrastructure.channels.fallback_posting import post_once
from infrastructure.configuration.secrets.accounts import SendgridAccount
from infrastructure.mail.header_text import one_line

DEFAULT_BASE_URL = "https://api.sendgrid.com"
DEFAULT_SUBJECT = "your message"
SUBJECT_PREFIX = "Auto: "
_TIMEOUT_SECONDS = 2.0
_MAX_REFERENCES = 20

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
# RFC 3834, 3.1; Exchange and old mailers only understand the other two.
_AUTOMATIC = {
    "Auto-Submitted": "auto-replied",
    "X-Auto-Response-Suppress": "All",
    "Precedence": "bulk",
}


@dataclass(frozen=True)
class SendgridFallbackSender(FallbackSender):
    """Sends each fallback with the API key, and from the address, of the account it is for."""

    accounts: Callable[[], tuple[SendgridAccount, ...]]
    base_url: str = DEFAULT_BASE_URL

    def send(self, fallback: Fallback) -> None:
        """Post ``fallback`` once; see ``FallbackSender`` for the errors."""
        account = next((one for one in self.accounts() if one.name == fallback.account), None)
        if account is None or account.api_key is None or account.mail_from is None:
            raise FallbackNotSentError("the account has no API key or no address to send from")
        api_key = account.api_key.get_secret_value().strip()
        if not (api_key.isascii() and api_key.isprintable()):
            raise FallbackNotSentError("the API key cannot be one")
        status = post_once(
            f"{self.base_url}/v3/mail/send",
            json.dumps(_mail(fallback, account.mail_from)).encode(),
            "application/json",
            f"Bearer {api_key}",
            _TIMEOUT_SECONDS,
        ).status_code
        # There is no idempotency key: after a 5xx the mail may be sent or not.
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise FallbackUncertainError(f"SendGrid answered {status}")
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise FallbackRefusedError(f"SendGrid answered {status}")


def _mail(fallback: Fallback, mail_from: str) -> dict[str, object]:
    subject = one_line(fallback.subject or DEFAULT_SUBJECT).removeprefix(SUBJECT_PREFIX)
    return {
        "personalizations": [{"to": [{"email": one_line(fallback.to)}]}],
        "from": {"email": one_line(mail_from)},
        "subject": SUBJECT_PREFIX + subject,
        "content": [{"type": "text/plain", "value": fallback.text}],
        "headers": {**_AUTOMATIC, **_threading(fallback)},
    }


def _threading(fallback: Fallback) -> dict[str, str]:
    """``In-Reply-To`` and ``References`` (RFC 5322, 3.6.4): the old ones and the mail itself.

    A mail without a Message-ID has a hash instead, which threads nothing.
    """
    replied_to = [one for one in [fallback.in_reply_to or ""] if _MESSAGE_ID.fullmatch(one)]
    known = [one for one in fallback.references if _MESSAGE_ID.fullmatch(one)]
    references = list(dict.fromkeys([*known, *replied_to]))
    if len(references) > _MAX_REFERENCES:
        references = [references[0], *references[1 - _MAX_REFERENCES :]]
    threading = {"In-Reply-To": "".join(replied_to), "References": " ".join(references)}
    return {name: value for name, value in threading.items() if value}
