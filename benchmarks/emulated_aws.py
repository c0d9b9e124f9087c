"""AWS on this machine, with everything in it that the handlers need, and events for them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from domain.channels import ChannelType
from domain.conversations import Conversation
from infrastructure.aws.dynamodb.dynamodb_values import attributes
from infrastructure.channels.twilio.simulator import TwilioSimulator
from tests.emulators import EmulatedAws, running_ministack, unique_name
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef

ACCOUNT_SID = "AC00000000000000000000000000000042"
AUTH_TOKEN = "the token of nobody"  # noqa: S105 - of nobody
URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod/webhooks/sms"
SENDER, RECIPIENT = "+14155550123", "+15005550006"
_PLAIN_KEY = {"conversation_id": "plain", "primary_channel": "sms"}


@dataclass(frozen=True)
class FunctionAws:
    """The emulator, and the settings of every handler. ``SENDER`` has a conversation."""

    aws: EmulatedAws
    environ: dict[str, str]

    def empty_plain_conversation(self, history: int = 0) -> None:
        """Write the plain handler's conversation anew, with so many earlier messages."""
        text = {"content": "Is my order on its way?", "direction": "INBOUND"}
        messages = [
            {"M": attributes({**text, "message_id": f"SM{number:032x}"})}
            for number in range(history)
        ]
        record = attributes({**_PLAIN_KEY, "sender_id": SENDER, "recipient_id": RECIPIENT})
        self.aws.dynamodb.put_item(
            TableName=self.environ["PLAIN_CONVERSATIONS_TABLE"],
            Item={**record, "messages": {"L": messages}},
        )


@contextmanager
def function_aws() -> Iterator[FunctionAws]:
    """Start an emulator, and make everything that the handlers need."""
    with tempfile.TemporaryDirectory() as folder, running_ministack(Path(folder)) as aws:
        tables = Tables.create(aws)
        tables.make()
        tables.stores().conversations.open_conversation(
            Conversation("packaged", ChannelType.SMS, sender_id=SENDER, recipient_id=RECIPIENT)
        )
        environ = {
            **aws_settings(aws, tables),
            "PLAIN_CONVERSATIONS_TABLE": _create_plain_table(aws),
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "LOG_LEVEL": "WARNING",
        }
        described = FunctionAws(aws, environ)
        described.empty_plain_conversation()
        yield described


def _create_plain_table(aws: EmulatedAws) -> str:
    """A table of conversations whose index on the sender holds whole items."""
    name = unique_name("plain")
    keys = ("conversation_id", "primary_channel", "sender_id")
    aws.dynamodb.create_table(
        TableName=name,
        KeySchema=_keys("conversation_id", "primary_channel"),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "sender",
                "KeySchema": _keys("sender_id", "primary_channel"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _keys(partition_key: str, sort_key: str) -> "list[KeySchemaElementTypeDef]":
    return [
        {"AttributeName": partition_key, "KeyType": "HASH"},
        {"AttributeName": sort_key, "KeyType": "RANGE"},
    ]


def sms_events(count: int) -> list[dict[str, object]]:
    """A REST API's events with signed SMS, each unlike any other."""
    return [_sms_event() for _ in range(count)]


def _sms_event() -> dict[str, object]:
    request = TwilioSimulator(ACCOUNT_SID, AUTH_TOKEN).request(
        URL, ChannelType.SMS, sender=SENDER, recipient=RECIPIENT, body="Is my order on its way?"
    )
    return {
        "httpMethod": "POST",
        "path": "/webhooks/sms",
        "headers": request.headers,
        "requestContext": {"domainName": URL.split("/")[2], "path": "/prod/webhooks/sms"},
        "body": request.body.decode(),
        "isBase64Encoded": False,
    }
