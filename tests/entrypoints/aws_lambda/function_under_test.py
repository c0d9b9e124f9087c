"""The webhook function with its storage, and webhooks of both providers."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from application.ports.context_queue import DelayedReader
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.queues import ALL_QUEUES
from entrypoints.aws_lambda.webhook_function import WebhookFunction
from entrypoints.composition.container import Container
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.channels.twilio.simulator import TwilioSimulator
from tests.builders import RECIPIENT, SENDER
from tests.infrastructure.channels.sendgrid.webhooks import KEY, public_key

ACCOUNT_SID = "AC" + "5" * 32
TOKEN = "a-token-of-nobody"
TWILIO = TwilioSimulator(ACCOUNT_SID, TOKEN)
SENDGRID = SendgridSimulator(KEY)


ACCOUNTS = {
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(KEY),
    "UNKNOWN_SENDER": "open",
}
"""Both providers are configured, and every sender has a conversation opened."""


def environ_of(data_dir: Path) -> dict[str, str]:
    """The settings of a function that stores everything under ``data_dir``."""
    return {**ACCOUNTS, "DATA_DIR": str(data_dir)}


@dataclass
class Context:
    """What Lambda tells about an invocation."""

    aws_request_id: str
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def a_context(milliseconds: int = 900_000) -> Context:
    return Context("invocation-1", milliseconds)


def a_webhook(
    channel: ChannelType,
    url: str,
    *,
    tamper: bool = False,
    body: str = "Is my order on its way?",
    attachments: tuple[SimulatedFile, ...] = (),
) -> SimulatedRequest:
    """The webhook that the provider of ``channel`` posts to ``url`` now."""
    sender, recipient = SENDER[channel], RECIPIENT[channel]
    if channel is ChannelType.EMAIL:
        return SENDGRID.request(
            url,
            sender=sender,
            recipient=recipient,
            subject="My order",
            text=body,
            now=datetime.now(UTC),
            attachments=attachments,
            tamper=tamper,
        )
    return TWILIO.request(
        url, channel, sender=sender, recipient=recipient, body=body, tamper=tamper
    )


@dataclass
class LambdaFrontDesk:
    """The webhook function, its container and its log."""

    function: WebhookFunction
    container: Container
    log: io.StringIO

    def __call__(self, event: object) -> dict[str, Any]:
        return self.function(event, "request-1")

    def contexts(self) -> list[ContextObject]:
        """All routed contexts, from every queue."""
        queue = self.container.context_queue()
        assert isinstance(queue, DelayedReader)
        return [
            delivery.context
            for name in ALL_QUEUES
            for delivery in queue.receive_with_delayed(name, 10)
        ]

    def log_lines(self) -> list[dict[str, Any]]:
        """The lines that the function logged."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]
