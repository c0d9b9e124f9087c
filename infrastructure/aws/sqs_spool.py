"""The spool as a FIFO queue of Amazon SQS."""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.spool import Spool, SpoolDelivery, SpoolDepth, SpoolEntry
from application.ports.unsearchable import Unsearchable
from domain.errors import StorageUnavailableError, UnreadableMessageError
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.serialization.spool_entry_json import (
    entry_from_json,
    entry_to_json,
    old_entry_from_json,
)
from infrastructure.serialization.webhook_json import request_to_json

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger(__name__)

MAX_INLINE_BYTES = 252 * 1024
"""A queue may take 256 KiB; what SQS adds to a message counts too."""

LONG_POLL_SECONDS = 1
"""Asks every server of the queue, not some of them; and stays below the read time-out."""

_TAKEN_AGAIN = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)
"""What SQS calls a receipt that has expired."""

_RECEIVE_COUNT: Final = "ApproximateReceiveCount"
_READY: Final = "ApproximateNumberOfMessages"
_DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"


class SqsSpool(Spool, Unsearchable):
    """One FIFO queue, which never says that it is full.

    The group of an entry is the message group, so that SQS delivers one after the other, and
    its id the deduplication id, which SQS remembers for five minutes. A request too large for
    the queue goes to ``blobs`` under ``spool/`` and the entry's id. It stays there when the
    entry is done: the bucket's lifecycle has to remove it, not before the queue forgets the
    message and a repetition of it.
    """

    def __init__(
        self,
        client: "SQSClient",
        url: str,
        blobs: BlobStore,
        wait_seconds: int = LONG_POLL_SECONDS,
    ) -> None:
        self._client = client
        self._url = url
        self._blobs = blobs
        self._wait_seconds = wait_seconds

    @override
    def enqueue(self, entry: SpoolEntry) -> None:
        text = entry_to_json(entry)
        if len(text) > MAX_INLINE_BYTES:  # ASCII: as many bytes as characters
            text = entry_to_json(entry, request_reference=self._store_request(entry))
        with storage_errors("spool"):
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=text,
                MessageGroupId=entry.group,
                MessageDeduplicationId=entry.entry_id,
            )

    def _store_request(self, entry: SpoolEntry) -> str:
        content = json.dumps(request_to_json(entry.webhook.request)).encode()
        return self._blobs.put(f"spool/{entry.entry_id}", content)

    @override
    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        """One by one: SQS would put several messages of a group into one answer.

        What cannot be read is left to the queue's redrive policy; see ``delivery_from_sqs``.
        """
        deliveries = []
        for _ in range(limit):
            message = self._receive(visibility)
            if message is None:
                break
            try:
                deliveries.append(
                    _delivery(
                        message["Body"],
                        message["ReceiptHandle"],
                        message["Attributes"][_RECEIVE_COUNT],
                        self._blobs,
                    )
                )
            except (StorageUnavailableError, UnreadableMessageError) as error:
                logger.error(  # noqa: TRY400 - the trace of an error that was foreseen says nothing
                    "spooled request cannot be read",
                    extra={"sqs_message_id": message["MessageId"], "error": str(error)},
                )
        return tuple(deliveries)

    def _receive(self, visibility: timedelta) -> "MessageTypeDef | None":
        with storage_errors("spool"):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                VisibilityTimeout=_whole_seconds(visibility),
                WaitTimeSeconds=self._wait_seconds,
                MessageSystemAttributeNames=[_RECEIVE_COUNT],
            )
        return next(iter(answer.get("Messages", [])), None)

    @override
    def acknowledge(self, delivery: SpoolDelivery) -> None:
        with storage_errors("spool"), _unless_taken_again():
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    @override
    def release(self, delivery: SpoolDelivery, delay: timedelta) -> None:
        """``delay`` is rounded up to whole seconds."""
        with storage_errors("spool"), _unless_taken_again():
            self._client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=delivery.receipt,
                VisibilityTimeout=_whole_seconds(delay),
            )

    @override
    def depth(self) -> SpoolDepth:
        """The number is approximate, and no age is known."""
        with storage_errors("spool"):
            counts = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=[_READY, _DELAYED, _IN_FLIGHT]
            ).get("Attributes", {})
        # An engine may leave a number out.
        numbers = (int(counts.get(name, 0)) for name in (_READY, _DELAYED, _IN_FLIGHT))
        return SpoolDepth(sum(numbers), None)

    @override
    def erasure_notice(self) -> str:
        """To look at an entry would be to take it, and to hold up its group."""
        return (
            f"the spool on SQS, about {self.depth().entries} webhooks: repeat this when it is "
            "empty; and large ones that were in it, under spool/ in the bucket until they expire "
            "there"
        )


def delivery_from_sqs(record: Mapping[str, Any], blobs: BlobStore) -> SpoolDelivery:
    """The entry in a record of an SQS event, as a Lambda function gets it.

    One of an unreleased version is ``unreadable``, and becomes a dead letter.
    Raises ``UnreadableMessageError`` for anything else, also when the request is gone from
    ``blobs``, and ``StorageUnavailableError`` when they cannot be asked.
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    count = record["attributes"][_RECEIVE_COUNT]
    return _delivery(record["body"], record["receiptHandle"], count, blobs)


def _delivery(text: str, receipt: str, receive_count: str, blobs: BlobStore) -> SpoolDelivery:
    try:
        entry = entry_from_json(text, blobs.get)
    except ValueError as error:
        unreadable = UnreadableMessageError(f"this is {error}")
        old_entry = old_entry_from_json(text, blobs.get)
        if old_entry is None:
            raise unreadable from error
        return SpoolDelivery(old_entry, receipt, int(receive_count), unreadable)
    return SpoolDelivery(entry, receipt, int(receive_count))


@contextmanager
def _unless_taken_again() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error_code(error) not in _TAKEN_AGAIN:
            raise


def _whole_seconds(duration: timedelta) -> int:
    return math.ceil(duration / timedelta(seconds=1))
