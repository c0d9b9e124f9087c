"""Webhooks as Twilio posts them, signed by its published recipe without its library."""

import base64
import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs

from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.messages import InboundMessage
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.parser import TwilioWebhookParser
from infrastructure.configuration.secrets.accounts import TwilioAccount
from infrastructure.configuration.secrets.secret import Secret
from tests.builders import NOW, provider_accounts, verified

ACCOUNT_SID = "AC00000000000000000000000000000000"
TOKEN = "12345"
URL = "https://example.com/twilio/inbound"
PAYLOADS = Path(__file__).parents[3] / "payloads" / "twilio"
FORM = "application/x-www-form-urlencoded"


def an_account(*tokens: str, account_sid: str = ACCOUNT_SID) -> TwilioAccount:
    """An account with ``tokens``, or with ``TOKEN``."""
    return TwilioAccount(account_sid, tuple(map(Secret, tokens or (TOKEN,))))


def a_parser(*accounts: TwilioAccount) -> TwilioWebhookParser:
    """A parser that trusts ``accounts``, or the account with ``TOKEN``."""
    return TwilioWebhookParser(
        ChannelType.SMS, lambda: provider_accounts(*accounts or (an_account(),))
    )


def sign(body: bytes, url: str = URL, token: str = TOKEN) -> str:
    """The signature of a form: https://www.twilio.com/docs/usage/security."""
    fields = parse_qs(body.decode(), keep_blank_values=True)
    pairs = (name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    text = url + "".join(pairs)
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def a_webhook(
    body: bytes,
    *,
    url: str = URL,
    signature: str | None = None,
    content_type: str = FORM,
    headers: tuple[tuple[str, str], ...] | None = None,
) -> WebhookRequest:
    """A POST of ``body``, signed unless ``signature`` is given; ``headers`` replace all others."""
    if headers is None:
        signature = sign(body, url) if signature is None else signature
        headers = (("content-type", content_type), ("x-twilio-signature", signature))
    return WebhookRequest("POST", url, headers, body, NOW)


def delivered(simulated: SimulatedRequest) -> WebhookRequest:
    """The webhook that an entrypoint makes of a simulated request."""
    headers = tuple((name.lower(), value) for name, value in simulated.headers.items())
    return WebhookRequest("POST", simulated.url, headers, simulated.body, NOW)


def parsed(body: bytes) -> InboundMessage:
    """The message in a form that ``ACCOUNT_SID`` has signed."""
    (result,) = a_parser().parse(verified(a_webhook(body, headers=()), ACCOUNT_SID))
    assert result.files == ()
    return result.message
