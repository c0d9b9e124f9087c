"""The straightforward Lambda handler of Twilio webhooks, as a good engineer writes it.

boto3's resources, made once; Twilio's own validator; the conversation found by an index on its
sender; the message appended to a list in the conversation's item; the message sent to a queue.
It recognises no duplicate, keeps no message of an unknown sender, and loses a message whose
last call fails. The item grows with every message until DynamoDB refuses it at 400 KB.
"""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import boto3
from boto3.dynamodb.conditions import Key
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # none

CHANNEL = "sms"

table = boto3.resource("dynamodb").Table(os.environ["PLAIN_CONVERSATIONS_TABLE"])
sqs = boto3.resource("sqs")
replies = sqs.Queue(os.environ["SMS_REPLIES_QUEUE_URL"])
hand_off = sqs.Queue(os.environ["SMS_HANDOFF_QUEUE_URL"])
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, object]:
    """Answer one webhook from a REST API."""
    form = dict(parse_qsl(event["body"], keep_blank_values=True))
    place = event["requestContext"]
    signature = event["headers"]["X-Twilio-Signature"]
    if not validator.validate(f"https://{place['domainName']}{place['path']}", form, signature):
        return respond(401, "application/json", '{"error": "Invalid signature"}')
    conversation = find_conversation(form["From"])
    if conversation is not None:
        message = {
            "message_id": form["MessageSid"],
            "direction": "INBOUND",
            "content": form["Body"],
            "timestamp": datetime.now(UTC).isoformat(),
            "channel_type": CHANNEL,
            "metadata": {"from": form["From"], "to": form["To"]},
        }
        append(conversation, message)
        send(conversation, message)
    return respond(200, "text/xml", "<Response></Response>")


def find_conversation(sender: str) -> dict[str, Any] | None:
    """The conversation of a sender, if there is one."""
    condition = Key("sender_id").eq(sender) & Key("primary_channel").eq(CHANNEL)
    items = table.query(IndexName="sender", KeyConditionExpression=condition)["Items"]
    return items[0] if items else None


def append(conversation: dict[str, Any], message: dict[str, Any]) -> None:
    """Add a message to the end of the conversation's list."""
    table.update_item(
        Key={name: conversation[name] for name in ("conversation_id", "primary_channel")},
        UpdateExpression=(
            "SET messages = list_append(if_not_exists(messages, :none), :new), "
            "conversation_status = :status, last_user_message_at = :now"
        ),
        ExpressionAttributeValues={
            ":none": [],
            ":new": [message],
            ":status": "user_reply_received",
            ":now": message["timestamp"],
        },
    )


def send(conversation: dict[str, Any], message: dict[str, Any]) -> None:
    """Put the context of a message on the queue."""
    context = {
        "meta": {"request_id": str(uuid.uuid4()), "channel_type": CHANNEL, "version": "1.0"},
        "conversation": {
            name: conversation.get(name)
            for name in ("conversation_id", "primary_channel", "hand_off_to_human", "thread_id")
        },
        "message": message,
        "company": {
            name: conversation.get(name) for name in ("company_id", "project_id", "company_name")
        },
    }
    if conversation.get("hand_off_to_human"):
        hand_off.send_message(MessageBody=json.dumps(context))
    else:
        replies.send_message(MessageBody=json.dumps(context), DelaySeconds=30)


def respond(status: int, content_type: str, body: str) -> dict[str, object]:
    """The response as API Gateway takes it."""
    return {"statusCode": status, "headers": {"Content-Type": content_type}, "body": body}
