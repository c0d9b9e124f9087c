"""Fallbacks through Twilio's REST API, in one attempt each.

Twilio has no idempotency key for messages: a second attempt after an uncertain one may answer
twice. Source: https://www.twilio.com/docs/messaging/api/message-resource
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from application.ports.fallback_sender import FallbackSender
from domain.errors import (
    FallbackError,
    FallbackNotSentError,
    FallbackUncertainError,
    TemporaryError,
)
from domain.fallback import Fallback
from infrastructure.configuration.secrets.accounts import TwilioAccount

if TYPE_CHECKING:
    from requests import Response

logger = logging.getLogger(__name__)

_PERMANENT, _CONFIGURATION, _TRANSIENT = "permanent", "configuration", "transient"
_REASONS = {
    **dict.fromkeys((21211, 21265, 21266, 21408, 21610, 21612, 21614, 63003, 63016), _PERMANENT),
    **dict.fromkeys((401, 403, 20003, 21606, 21659, 63007, 30034), _CONFIGURATION),
    **dict.fromkeys((429, 20429, 14107, 21611, 30001, 30022, 63017, 63018, 63038), _TRANSIENT),
}
"""Twilio's error code (or the status, where it gives none) → what it says about the answer. https://www.twilio.com/docs/api/errors"""

_LEVELS = {_PERMANENT: logging.INFO, _CONFIGURATION: logging.ERROR, _TRANSIENT: logging.WARNING}

_UNCERTAIN_4XX = frozenset({408})
"""Something between us and Twilio may say "request timeout" of a request that arrived."""

_LINE_BREAKS = str.maketrans("", "", "\r\n")


@dataclass(frozen=True)
class TwilioFallbackSender(FallbackSender):
    """Sends from the account that received the message, with its first token.

    ``timeout_seconds`` holds for connecting and for each read.
    """

    accounts: Callable[[], tuple[TwilioAccount, ...]]
    api_url: str = "https://api.twilio.com"
    timeout_seconds: float = 2.0

    def send(self, answer: Fallback) -> None:
        """Create the message at Twilio.

        Raises ``FallbackNotSentError`` if Twilio refused it (4xx) or was not reached, and
        ``FallbackUncertainError`` for everything else that is not a success.
        """
        account = self._account(answer.account)
        try:
            self._create(account, answer)
        except FallbackError:
            raise
        except Exception as error:
            raise _translated(error) from error

    def _account(self, account_sid: str) -> TwilioAccount:
        try:
            accounts = self.accounts()
        except TemporaryError as error:
            raise FallbackNotSentError("the account's token cannot be read") from error
        for account in accounts:
            if account.account_sid == account_sid and account.auth_tokens:
                return account
        raise FallbackNotSentError("no token for the account that was written to")

    def _create(self, account: TwilioAccount, answer: Fallback) -> None:
        from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
        from twilio.rest import Client  # type: ignore[import-untyped]

        http_client = TwilioHttpClient(
            timeout=self.timeout_seconds,
            logger=_silent_logger(),
            request_hooks={"response": _refuse_uncertain_status},
            max_retries=0,
        )
        token = account.auth_tokens[0].get_secret_value()
        with http_client.session:
            client = Client(account.account_sid, token, http_client=http_client)
            client.api.base_url = self.api_url
            client.messages.create(
                to=answer.to.translate(_LINE_BREAKS),
                from_=answer.sent_from.translate(_LINE_BREAKS),
                body=answer.text,
            )


def _silent_logger() -> logging.Logger:
    """The library logs URLs, parameters and headers of each request: this one writes nothing."""
    silent = logging.Logger("twilio, unheard")
    silent.disabled = True
    return silent


def _refuse_uncertain_status(response: "Response", *_: object, **__: object) -> None:
    """Stop at a status that tells nothing: before the library reads one from the body.

    Only 2xx and a definite 4xx go on to it.
    """
    status = response.status_code
    definite = 200 <= status < 300 or 400 <= status < 500  # noqa: PLR2004
    if not definite or status in _UNCERTAIN_4XX:
        logger.warning("Twilio may have taken the answer", extra={"status": status})
        raise FallbackUncertainError(f"Twilio answered {status}")


def _translated(error: Exception) -> FallbackError:
    from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]

    if isinstance(error, TwilioException):
        return _refusal(getattr(error, "code", None))
    name = type(error).__name__
    if _never_connected(error):
        logger.warning("Twilio was not reached", extra={"error": name})
        return FallbackNotSentError("Twilio was not reached")
    logger.warning("Twilio may have taken the answer", extra={"error": name})
    return FallbackUncertainError("Twilio did not confirm the answer")


def _refusal(code: object) -> FallbackNotSentError:
    """An unknown code is permanent: another attempt would get the same."""
    number = code if isinstance(code, int) else None
    reason = _REASONS.get(number or 0, _PERMANENT)
    logger.log(
        _LEVELS[reason],
        "Twilio refused the answer",
        extra={"provider_code": number, "reason": reason},
    )
    return FallbackNotSentError(f"Twilio refused the answer with error {number}")


def _never_connected(error: Exception) -> bool:
    """Whether the connection failed before a byte of the request went out."""
    from requests import ConnectionError as RequestsConnectionError
    from requests import ConnectTimeout
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, RequestsConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
