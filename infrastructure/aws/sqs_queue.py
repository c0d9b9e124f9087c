"""The context queues on Amazon SQS."""

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from typing_extensions import override

from application.ports.context_queue import (
    DEFAULT_VISIBILITY,
    ContextPublisher,
    ContextReader,
    Delivery,
    QueueDepth,
)
from application.ports.unsearchable import Unsearchable
from domain.context import Company, ContextObject
from domain.errors import QueueRoutingError, UnreadableMessageError
from domain.routing import ALL_QUEUES, QueueName, Route
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.serialization.context_json import (
    EncodeContext,
    context_from_json,
    context_to_json,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MAX_BATCH = 10
LONG_POLL_SECONDS = 1
"""Asks every server of a queue, not some of them; and stays below the read time-out."""

_GROUP = re.compile(r"[!-~]{1,128}")
_INVALID_RECEIPT = frozenset(
    {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MissingParameter"}
)
_READY: Final = "ApproximateNumberOfMessages"
_DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"


class SqsContextQueue(ContextPublisher, ContextReader, Unsearchable):
    """Six standard queues by their URLs.

    Each message carries the delay of the route, and the tenant as message group: that makes it
    a fair queue, on which no tenant holds up the others.
    """

    def __init__(
        self,
        client: "SQSClient",
        urls: Mapping[QueueName, str],
        wait_seconds: int = LONG_POLL_SECONDS,
        encode: EncodeContext = context_to_json,
    ) -> None:
        self._client = client
        self._encode = encode
        self._urls = urls
        self._wait_seconds = wait_seconds

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        text = self._encode(context)
        try:
            self._client.send_message(
                QueueUrl=self._urls[route.queue],
                MessageBody=text,
                DelaySeconds=_whole_seconds(route.delay),
                **_message_group(context.company),
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueRoutingError(f"{route.queue}: {error_code(error)}") from error

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        """The numbers are approximate, and no ages are known."""
        return tuple(self._depth(queue) for queue in ALL_QUEUES)

    def _depth(self, queue: QueueName) -> QueueDepth:
        with storage_errors(f"queue {queue}"):
            counts = self._client.get_queue_attributes(
                QueueUrl=self._urls[queue], AttributeNames=[_READY, _DELAYED, _IN_FLIGHT]
            ).get("Attributes", {})
        # An engine may leave a number out.
        ready, delayed, in_flight = (
            int(counts.get(name, 0)) for name in (_READY, _DELAYED, _IN_FLIGHT)
        )
        return QueueDepth(queue, ready, delayed, in_flight, None)

    @override
    def receive(
        self, queue: QueueName, limit: int, *, visibility: timedelta = DEFAULT_VISIBILITY
    ) -> tuple[Delivery, ...]:
        """``visibility`` is rounded up to whole seconds.

        An answer of SQS may hold fewer contexts than there are, so it is asked until nothing
        new comes.
        """
        # By id: without a visibility time-out the same ones come again and again.
        taken: dict[str, MessageTypeDef] = {}
        while len(taken) < limit:
            before = len(taken)
            batch = self._receive_batch(queue, min(limit - before, MAX_BATCH), visibility)
            taken.update((message["MessageId"], message) for message in batch)
            if len(taken) == before:
                break
        return tuple(_delivery(queue, message) for message in taken.values())

    def _receive_batch(
        self, queue: QueueName, size: int, visibility: timedelta
    ) -> "list[MessageTypeDef]":
        with storage_errors(f"queue {queue}"):
            answer = self._client.receive_message(
                QueueUrl=self._urls[queue],
                MaxNumberOfMessages=size,
                VisibilityTimeout=_whole_seconds(visibility),
                WaitTimeSeconds=self._wait_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return answer.get("Messages", [])

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        with storage_errors(f"queue {queue}"):
            try:
                self._client.delete_message(QueueUrl=self._urls[queue], ReceiptHandle=receipt)
            except ClientError as error:
                if error_code(error) in _INVALID_RECEIPT:
                    return False
                raise
        return True

    @override
    def erasure_notice(self) -> str:
        return "contexts on SQS: their consumers take them, or they expire with their queue"


class _MessageGroup(TypedDict, total=False):
    MessageGroupId: str


def _message_group(company: Company) -> _MessageGroup:
    """The tenant as SQS takes it: up to 128 printable ASCII characters, else a hash of it."""
    tenant = company.company_id or company.credentials_reference
    if not tenant:
        return {}
    fits = _GROUP.fullmatch(tenant)
    return {"MessageGroupId": tenant if fits else hashlib.sha256(tenant.encode()).hexdigest()}


def _whole_seconds(duration: timedelta) -> int:
    return math.ceil(duration / timedelta(seconds=1))


def _delivery(queue: QueueName, message: "MessageTypeDef") -> Delivery:
    try:
        context = context_from_json(message["Body"])
    except ValidationError as error:
        raise UnreadableMessageError(
            f"{queue}: message {message['MessageId']} is not a context object"
        ) from error
    receive_count = int(message["Attributes"]["ApproximateReceiveCount"])
    return Delivery(queue, message["ReceiptHandle"], receive_count, context)
