"""Twilio's parser fulfils the contract, for SMS and for WhatsApp."""

import pytest

from application.ports.webhook_parser import WebhookParser, WebhookRequest
from tests.contracts.webhook_parser import WebhookParserContract
from tests.infrastructure.channels.twilio.webhooks import PAYLOADS, a_parser, a_webhook


class TwilioContract(WebhookParserContract):
    security_headers = ("x-twilio-signature",)

    @pytest.fixture
    def parser(self) -> WebhookParser:
        return a_parser()

    @pytest.fixture
    def other_webhook(self) -> WebhookRequest:
        return a_webhook((PAYLOADS / "mms.form").read_bytes())


class TestTwilioSms(TwilioContract):
    @pytest.fixture
    def webhook(self) -> WebhookRequest:
        return a_webhook((PAYLOADS / "sms.form").read_bytes())


class TestTwilioWhatsapp(TwilioContract):
    @pytest.fixture
    def webhook(self) -> WebhookRequest:
        return a_webhook((PAYLOADS / "whatsapp_media.form").read_bytes())
