"""The context queues on Amazon SQS, standard or FIFO."""

import hashlib
import math
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from typing_extensions import override

from application.ports.context_queue import (
    ContextPublisher,
    ContextReader,
    Delivery,
    QueueDepth,
)
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.errors import QueueRoutingError, UnreadableMessageError
from domain.routing import ALL_QUEUES, QueueName, Route
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.serialization.context_json import context_from_json, context_to_json

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


class _SendOptions(TypedDict, total=False):
    DelaySeconds: int
    MessageGroupId: str
    MessageDeduplicationId: str


class SqsContextQueue(ContextPublisher, ContextReader):
    """Six queues by their URLs; the ones whose name ends with ``.fifo`` are FIFO queues.

    A standard queue gets the delay of the route, and the tenant as message group: that makes
    it a fair queue, on which no tenant holds up the others. A FIFO queue keeps the order of
    each conversation, drops a context that it had in the last five minutes, and delays by its
    own ``DelaySeconds`` alone: see ``check_queues``.
    """

    shows_delayed = False
    can_erase = False

    def __init__(
        self,
        client: "SQSClient",
        urls: Mapping[QueueName, str],
        wait_seconds: int = LONG_POLL_SECONDS,
    ) -> None:
        self._client = client
        self._urls = urls
        self._wait_seconds = wait_seconds

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        url = self._urls[route.queue]
        options = _fifo_options(context) if is_fifo(url) else _standard_options(context, route)
        text = context_to_json(context)
        try:
            self._client.send_message(QueueUrl=url, MessageBody=text, **options)
        except ClientError as error:
            raise QueueRoutingError(f"{route.queue}: {error_code(error)}") from error
        except BotoCoreError as error:
            raise QueueRoutingError(f"{route.queue}: {type(error).__name__}") from error

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        """The numbers are approximate, and no ages are known."""
        return tuple(self._depth(queue) for queue in ALL_QUEUES)

    def _depth(self, queue: QueueName) -> QueueDepth:
        with storage_errors(f"queue {queue}"):
            counts = self._client.get_queue_attributes(
                QueueUrl=self._urls[queue], AttributeNames=[_READY, _DELAYED, _IN_FLIGHT]
            )["Attributes"]
        return QueueDepth(
            queue, int(counts[_READY]), int(counts[_DELAYED]), int(counts[_IN_FLIGHT]), None
        )

    @override
    def receive(
        self,
        queue: QueueName,
        limit: int,
        *,
        visibility: timedelta = timedelta(seconds=30),
        include_delayed: bool = False,
    ) -> tuple[Delivery, ...]:
        """``visibility`` is rounded up to whole seconds.

        An answer of SQS may hold fewer contexts than there are, so it is asked until nothing
        new comes.
        """
        if include_delayed:
            raise ValueError("SQS shows nothing before its delay is over")
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
    def find(
        self,
        channel: ChannelType,
        senders: Collection[str],
    ) -> tuple[str, ...]:
        """SQS shows a message to its consumer alone."""
        return ()

    def erase(self, request_id: str) -> int:  # noqa: ARG002 - the port's signature
        """See both ports. SQS finds no message: its consumer takes it, or it expires."""
        return 0


def is_fifo(url: str) -> bool:
    """Whether the queue under ``url`` is a FIFO queue: only their names may end so."""
    return url.endswith(".fifo")


def _standard_options(context: ContextObject, route: Route) -> _SendOptions:
    options: _SendOptions = {"DelaySeconds": _whole_seconds(route.delay)}
    if tenant := context.company.company_id or context.company.credentials_reference:
        options["MessageGroupId"] = _identifier(tenant)
    return options


def _fifo_options(context: ContextObject) -> _SendOptions:
    return {
        "MessageGroupId": _identifier(context.conversation.conversation_id),
        "MessageDeduplicationId": _identifier(context.request_id),
    }


def _identifier(text: str) -> str:
    """``text`` as SQS takes it: up to 128 printable ASCII characters; else a hash of it."""
    return text if _GROUP.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()


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
