"""Persons with data in every place of storage, and a search for that data."""

import json
from collections.abc import Iterator
from typing import Any

from application.ports.spool import SearchableSpool
from application.ports.webhook_parser import WebhookRequest
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Direction, Message
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import Media
from tests.builders import NOW, RECIPIENT, verified
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP

OTHER_RECIPIENT = {SMS: "+15005557399", WHATSAPP: "+15005557399", EMAIL: "sales@acme.example"}
CHANNELS = (SMS, WHATSAPP, EMAIL)


class Person:
    """A person whose messages contain words that are easily found in all stored data."""

    def __init__(self, name: str, number: str) -> None:
        self.name = name
        self.number = number
        self.mailbox = f"{name}@seedmail.example"
        self.sent: list[SimulatedRequest] = []

    def address(self, channel: ChannelType) -> str:
        return self.mailbox if channel is EMAIL else self.number

    @property
    def addresses(self) -> list[Address]:
        return [Address.parse(channel, self.address(channel)) for channel in CHANNELS]

    @property
    def seeds(self) -> list[bytes]:
        """What a search must find or not find: the number, and a word of each text."""
        return [self.name.encode(), self.number.removeprefix("+").encode()]

    def webhook(
        self, frontdesk: RunningFrontDesk, channel: ChannelType, **wanted: Any
    ) -> SimulatedRequest:
        more: dict[ChannelType, dict[str, Any]] = {
            SMS: {"media": [Media(f"https://media.example/{self.name}.png", "image/png")]},
            WHATSAPP: {"profile_name": self.name},
            EMAIL: {
                "subject": f"Subject {self.name}",
                "attachments": [(f"{self.name}.pdf", "application/pdf", self.name.encode())],
                "message_id": f"<{self.name}-{len(self.sent)}@seedmail.example>",
            },
        }
        texts: dict[str, Any] = {"sender": self.address(channel), "body": self.name}
        webhook = frontdesk.webhook(channel, **(texts | more[channel] | wanted))
        self.sent.append(webhook)
        return webhook

    def leave_data(self, frontdesk: RunningFrontDesk) -> None:
        for channel in CHANNELS:
            self.leave_data_on(frontdesk, channel)
        self.leave_unprocessed_data(frontdesk)
        self.leave_refusals(frontdesk)

    def leave_data_on(self, frontdesk: RunningFrontDesk, channel: ChannelType) -> None:
        conversation = frontdesk.given_conversation(
            channel,
            sender_id=self.address(channel),
            conversation_id=f"{channel}-{self.name}",
            thread_id=f"<{self.name}@seedmail.example>" if channel is EMAIL else None,
        )
        entry = Message("1", Direction.OUTBOUND, f"Dear {self.name}", NOW, channel)
        frontdesk.container.stores().history_import.import_message(conversation.key, entry)
        long = {} if channel is not EMAIL else {"body": f"{self.name} " * 60_000}
        for webhook in (
            self.webhook(frontdesk, channel),
            self.webhook(frontdesk, channel, **long),
            self.webhook(frontdesk, channel, recipient=OTHER_RECIPIENT[channel]),
        ):
            assert frontdesk.post(webhook).status == 200

    def leave_refusals(self, frontdesk: RunningFrontDesk) -> None:
        for channel in CHANNELS:
            refused = self.webhook(frontdesk, channel, tamper=True)
            assert frontdesk.post(refused).status == 401

    def leave_unprocessed_data(self, frontdesk: RunningFrontDesk) -> None:
        fields = {
            "AccountSid": frontdesk.providers.account_sid,
            "From": self.number,
            "To": RECIPIENT[SMS],
            "Body": self.name,
        }
        assert frontdesk.post(frontdesk.providers.form(frontdesk.url(SMS), fields)).status == 200
        spooled = self.webhook(frontdesk, WHATSAPP, body=f"{self.name} is spooled")
        headers = tuple((name.lower(), value) for name, value in spooled.headers.items())
        request = WebhookRequest("POST", spooled.url, headers, spooled.body, NOW)
        if isinstance(frontdesk.container.spool(), SearchableSpool):
            spool_webhook = frontdesk.container.receive_webhook().spool_webhook
            spool_webhook(verified(request, frontdesk.providers.account_sid, WHATSAPP))


def all_stored_data(frontdesk: RunningFrontDesk) -> bytes:
    """All stored data: raw files and tables, and records as they are read."""
    container = frontdesk.container
    dead_letters = [one.webhook.request.body for one in frontdesk.dead_letters() if one.webhook]
    readable = [
        container.conversation_store().list_conversations(1000).items,
        container.stores().retention.list_retained(1000).items,
        dead_letters,
    ]
    return b"\n".join((repr(readable).encode(), *raw_contents(frontdesk)))


def raw_contents(frontdesk: RunningFrontDesk) -> Iterator[bytes]:
    settings = frontdesk.container.settings()
    for path in frontdesk.data_dir.rglob("*"):
        # Fallbacks without a provider are in a developer's file, which is deleted by hand.
        if path.is_file() and path.name != "fallbacks.jsonl":
            yield path.name.encode()
            yield path.read_bytes()
    if settings.storage == "dynamodb":
        client = frontdesk.container.dynamodb()
        for table in settings.tables:
            items = client.scan(TableName=table, ConsistentRead=True)["Items"]
            yield json.dumps(items).encode()
        s3, bucket = frontdesk.container.s3(), str(settings.blobs_bucket)
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            yield s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def found(frontdesk: RunningFrontDesk, person: Person) -> list[bytes]:
    """Which of a person's seeds the stored data contains."""
    retained = all_stored_data(frontdesk).lower()
    return [seed for seed in person.seeds if seed in retained]
