"""Expired and recent data in a deployed stage, for the purge."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from domain.channels import ChannelType
from domain.conversations import Direction, Message
from domain.messages import ConversationKey
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_history_import import DynamoDbHistoryImport
from infrastructure.aws.dynamodb.dynamodb_message_items import DynamoDbMessageItems
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.s3 import S3DeadLetters
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.deployment.deployed import Deployed, post

OLD = timedelta(days=31)
UNASSIGNED_MAILBOX = "help@nobody.example"
"""Belongs to no company, so a message to it is unmatched."""

FILES = (("photo.png", "image/png", bytes(range(256))),)
LONG = "long " * 30_000
"""Makes a text too long for a DynamoDB item."""


@dataclass(frozen=True)
class OldData:
    """Stores data of any age in a stage, with names by which a test finds it again."""

    deployed: Deployed

    def mail(self, name: str, age: timedelta = OLD, recipient: str | None = None) -> None:
        """Send a long mail with a file to a conversation, which shows the mail's beginning."""
        webhook = self.deployed.webhook(
            ChannelType.EMAIL, body=f"{name}, {LONG}", recipient=recipient, attachments=FILES
        )
        assert post(webhook)[0] == 200
        self.make_old(name, age)

    def unmatched_mail(self, name: str, age: timedelta = OLD) -> None:
        """Send a mail that matches no conversation."""
        self.mail(name, age, UNASSIGNED_MAILBOX)
        assert self.deployed.message_item(name)["state"] == {"S": "unmatched"}

    def imported_entry(self, name: str, age: timedelta = OLD) -> None:
        """Import an entry of another system's history."""
        client, table = self.deployed.aws.dynamodb, self.deployed.settings["MESSAGES_TABLE"]
        at = datetime.now(UTC) - age
        entry = Message(name, Direction.OUTBOUND, "On its way.", at, ChannelType.SMS, {})
        messages, items = DynamoDbTable(client, table), DynamoDbMessageItems(MemoryBlobStore())
        history_import = DynamoDbHistoryImport(messages, items, messages)
        assert history_import.import_message(ConversationKey("imported", ChannelType.SMS), entry)

    def has_imported_entry(self, name: str) -> bool:
        """Whether the entry is still there."""
        items = self.deployed.items("MESSAGES")
        return any(item.get("message_id") == {"S": name} for item in items)

    def dead_letter(self, name: str, age: timedelta = OLD) -> None:
        """Store a dead letter."""
        at = datetime.now(UTC) - age
        self._dead_letters.store(
            DeadLetter(name, DeadLetterKind.UNDELIVERABLE, "why", 1, at, request_id="k")
        )

    def has_dead_letter(self, name: str) -> bool:
        """Whether the dead letter is still there."""
        return self._dead_letters.get(name) is not None

    def files(self) -> set[str]:
        """The keys of all attachments and long texts."""
        bucket = self.deployed.settings["BLOBS_BUCKET"]
        listed = self.deployed.aws.s3.list_objects_v2(Bucket=bucket)
        keys = (found["Key"] for found in listed.get("Contents", ()))
        return {key for key in keys if key.startswith(("attachments/", "messages/"))}

    @property
    def _dead_letters(self) -> DeadLetters:
        return S3DeadLetters(lambda: self.deployed.aws.s3, self.deployed.settings["BLOBS_BUCKET"])

    def make_old(self, name: str, age: timedelta = OLD) -> None:
        """Set the time of a message, and of the copy in its conversation, back by ``age``."""
        client, settings = self.deployed.aws.dynamodb, self.deployed.settings
        item = self.deployed.message_item(name)
        earlier = {":earlier": {"S": rfc3339(datetime.now(UTC) - age)}}
        client.update_item(
            TableName=settings["MESSAGES_TABLE"],
            Key={"request_id": item["request_id"]},
            UpdateExpression="SET #timestamp = :earlier",
            ExpressionAttributeNames={"#timestamp": "timestamp"},
            ExpressionAttributeValues=earlier,
        )
        if "conversation" in item:
            conversation_id, _, channel = item["conversation"]["S"].rpartition("#")
            client.update_item(
                TableName=settings["CONVERSATIONS_TABLE"],
                Key={"conversation_id": {"S": conversation_id}, "primary_channel": {"S": channel}},
                UpdateExpression="SET last_message.#timestamp = :earlier",
                ExpressionAttributeNames={"#timestamp": "timestamp"},
                ExpressionAttributeValues=earlier,
            )
