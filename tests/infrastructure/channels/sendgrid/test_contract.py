"""SendGrid's parser fulfils the contract, in both modes and with both kinds of proof."""

from typing import Any, ClassVar

import pytest

from application.ports.webhook_parser import WebhookParser, WebhookRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.builders import NOW
from tests.contracts.webhook_parser import WebhookParserContract
from tests.infrastructure.channels.sendgrid.webhooks import (
    KEY,
    URL,
    a_parser,
    an_account,
    as_received,
    public_key,
)

PAIR = "frontdesk:invented"


def a_mail(**changes: Any) -> WebhookRequest:
    """A webhook of a mail to two own addresses with one attachment."""
    mail: dict[str, Any] = {
        "sender": "ana@example.com",
        "recipient": ["help@acme.example", "sales@acme.example"],
        "subject": "Order",
        "text": "Where is it?",
        "attachments": [("receipt.txt", "text/plain", b"12 EUR")],
        "now": NOW,
    }
    return as_received(SendgridSimulator(KEY, PAIR).request(URL, **{**mail, **changes}))


class TestSendgridParsedMode(WebhookParserContract):
    security_headers: ClassVar[tuple[str, ...]] = (SIGNATURE_HEADER, TIMESTAMP_HEADER)

    @pytest.fixture
    def parser(self) -> WebhookParser:
        return a_parser()

    @pytest.fixture
    def webhook(self) -> WebhookRequest:
        return a_mail()

    @pytest.fixture
    def other_webhook(self) -> WebhookRequest:
        return a_mail(text="Where is the other one?")


class TestSendgridRawMode(TestSendgridParsedMode):
    @pytest.fixture
    def webhook(self) -> WebhookRequest:
        return a_mail(mode="raw")


class TestSendgridWithBasicAuthToo(TestSendgridParsedMode):
    security_headers = (SIGNATURE_HEADER, TIMESTAMP_HEADER, "authorization")

    @pytest.fixture
    def parser(self) -> WebhookParser:
        return a_parser(an_account(public_key(KEY), basic_auth=[PAIR]))
