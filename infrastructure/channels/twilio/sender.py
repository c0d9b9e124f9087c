"""Fallbacks through Twilio's REST API, in one attempt each.

Twilio has no idempotency key for messages: a second attempt after an uncertain one may answer
twice. Source: https://www.twilio.com/docs/messaging/api/message-resource
"""

import json
import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from application.ports.fallback_sender import FallbackSender
from domain.errors import (
    FallbackNotSentError,
    FallbackRefusedError,
    FallbackUncertainError,
    TemporaryError,
)
from domain.fallback import Fallback
from infrastructure.channels.fallback_posting import post_once
from infrastructure.configuration.secrets.accounts import TwilioAccount

logger = logging.getLogger(__name__)

_PERMANENT, _CONFIGURATION, _TRANSIENT = "permanent", "configuration", "transient"
_REASONS = {
    **dict.fromkeys((401, 403, 20003, 21606, 21659, 63007, 30034), _CONFIGURATION),
    **dict.fromkeys((429, 20429, 14107, 21611, 30001, 30022, 63017, 63018, 63038), _TRANSIENT),
}
"""Twilio's error code, or else the status → why; any other is permanent.

https://www.twilio.com/docs/api/errors
"""

_LEVELS = {_PERMANENT: logging.INFO, _CONFIGURATION: logging.ERROR, _TRANSIENT: logging.WARNING}

_LINE_BREAKS = str.maketrans("", "", "\r\n")


@dataclass(frozen=True)
class TwilioFallbackSender(FallbackSender):
    """Sends from the account that received the message, with its first token.

    ``timeout_seconds`` holds for connecting and for each read.
    """

    accounts: Callable[[], tuple[TwilioAccount, ...]]
    api_url: str = "https://api.twilio.com"
    timeout_seconds: float = 2.0

    def send(self, fallback: Fallback) -> None:
        """Create the message at Twilio.

        Raises ``FallbackNotSentError`` if Twilio refused it (4xx) or was not reached, and
        ``FallbackUncertainError`` for everything else that is not a success.
        """
        account = self._account(fallback.account)
        fields = {
            "To": fallback.to.translate(_LINE_BREAKS),
            "From": fallback.sent_from.translate(_LINE_BREAKS),
            "Body": fallback.text,
        }
        response = post_once(
            f"{self.api_url}/2010-04-01/Accounts/{account.account_sid}/Messages.json",
            urlencode(fields).encode(),
            "application/x-www-form-urlencoded",
            _basic(account.account_sid, account.auth_tokens[0].get_secret_value()),
            self.timeout_seconds,
        )
        _check(response.status_code, response.content)

    def _account(self, account_sid: str) -> TwilioAccount:
        try:
            accounts = self.accounts()
        except TemporaryError as error:
            raise FallbackNotSentError("the account's token cannot be read") from error
        for account in accounts:
            if account.account_sid == account_sid and account.auth_tokens:
                return account
        raise FallbackNotSentError("no token for the account that was written to")


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _check(status: int, content: bytes) -> None:
    """Raise unless Twilio created the message, and showed it."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    is_object = isinstance(answer, dict)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and is_object:
        return
    is_refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    # A proxy may say "request timeout" of a request that arrived.
    if not is_refused or status == HTTPStatus.REQUEST_TIMEOUT:
        logger.warning("Twilio may have taken the answer", extra={"status": status})
        raise FallbackUncertainError(f"Twilio answered {status}")
    code = answer.get("code") if is_object else None
    code = code if isinstance(code, int) else status
    # An unknown code is permanent: another attempt would get the same.
    reason = _REASONS.get(code, _PERMANENT)
    extra = {"provider_code": code, "reason": reason}
    logger.log(_LEVELS[reason], "Twilio refused the answer", extra=extra)
    raise FallbackRefusedError(f"Twilio refused the answer with error {code}")
