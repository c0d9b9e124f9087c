"""The context queues on Amazon SQS."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
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
from domain.errors import QueueRoutingError, StorageUnavailableError, UnreadableMessageError
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import Route
from infrastructure.aws.sqs import LONG_POLL_SECONDS, RECEIVE_COUNT, SqsQueue, whole_seconds
from infrastructure.serialization.context_json import context_from_json, context_to_json

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MAX_BATCH = 10
_GROUP = re.compile(r"[!-~]{1,128}")


@dataclass(eq=False, repr=False)
class SqsContextQueue(ContextPublisher, ContextReader, Unsearchable):
    """Six standard queues by their URLs.

    Each message carries the delay of the route, and the tenant as message group: that makes it
    a fair queue, on which no tenant holds up the others.
    """

    client: "SQSClient"
    urls: Mapping[QueueName, str]
    wait_seconds: int = LONG_POLL_SECONDS

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        try:
            self.client.send_message(
                QueueUrl=self.urls[route.queue],
                MessageBody=context_to_json(context),
                DelaySeconds=whole_seconds(route.delay),
                **_message_group(context.company),
            )
        except (ClientError, BotoCoreError) as error:
            from infrastructure.aws.sqs_refusals import why_not_sent  # seldom needed

            raise QueueRoutingError(why_not_sent(route.queue, error)) from error

    @override
    def depths(self) -> tuple[QueueDepth, ...]:
        """The numbers are approximate, and no ages are known."""
        return tuple(map(self.depth, ALL_QUEUES))

    @override
    def depth(self, queue: QueueName) -> QueueDepth:
        try:
            return QueueDepth(queue, *self._queue(queue).counts(), oldest_at=None)
        except StorageUnavailableError as error:
            from infrastructure.aws.sqs_refusals import why_not_asked  # seldom needed

            reason = why_not_asked(queue, error)
            raise StorageUnavailableError(reason, needs_operator=error.needs_operator) from error

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
            batch = self._queue(queue).receive(min(limit - before, MAX_BATCH), visibility)
            taken.update((message["MessageId"], message) for message in batch)
            if len(taken) == before:
                break
        return tuple(_delivery(queue, message) for message in taken.values())

    @override
    def acknowledge(self, queue: QueueName, receipt: str) -> bool:
        return self._queue(queue).delete(receipt)

    @override
    def erasure_notice(self) -> str:
        return "contexts on SQS: their consumers take them, or they expire with their queue"

    def _queue(self, queue: QueueName) -> SqsQueue:
        return SqsQueue(self.client, self.urls[queue], f"queue {queue}", self.wait_seconds)


def _message_group(company: Company) -> Mapping[str, Any]:
    """The tenant as SQS takes it: up to 128 printable ASCII characters, else a hash of it."""
    tenant = company.company_id or company.credentials_reference
    if not tenant:
        return {}
    fits = _GROUP.fullmatch(tenant)
    return {"MessageGroupId": tenant if fits else hashlib.sha256(tenant.encode()).hexdigest()}


def _delivery(queue: QueueName, message: "MessageTypeDef") -> Delivery:
    try:
        context = context_from_json(message["Body"])
    except ValueError as error:
        raise UnreadableMessageError(
            f"{queue}: message {message['MessageId']} is not a context object"
        ) from error
    receive_count = int(message["Attributes"][RECEIVE_COUNT])
    return Delivery(queue, message["ReceiptHandle"], receive_count, context)
