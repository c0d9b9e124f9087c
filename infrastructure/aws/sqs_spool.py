"""The spool as a FIFO queue of Amazon SQS."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.spool import Spool, SpoolDelivery, SpoolDepth, SpoolEntry
from application.ports.unsearchable import Unsearchable
from domain.errors import StorageUnavailableError, UnreadableMessageError
from infrastructure.aws.clients import storage_errors
from infrastructure.aws.sqs import LONG_POLL_SECONDS, RECEIVE_COUNT, SqsQueue
from infrastructure.serialization.webhook_json import (
    entry_from_json,
    entry_to_json,
    old_entry_from_json,
    request_to_json,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

MAX_INLINE_BYTES = 252 * 1024
"""A queue may take 256 KiB; what SQS adds to a message counts too."""


@dataclass(eq=False, repr=False)
class SqsSpool(Spool, Unsearchable):
    """One FIFO queue, which never says that it is full.

    The group of an entry is the message group, so that SQS delivers one after the other, and
    its id the deduplication id, which SQS remembers for five minutes. A request too large for
    the queue goes to ``blobs`` under ``spool/`` and the entry's id. It stays there when the
    entry is done: the bucket's lifecycle has to remove it, not before the queue forgets the
    message and a repetition of it.
    """

    client: "SQSClient"
    url: str
    blobs: BlobStore
    wait_seconds: int = LONG_POLL_SECONDS

    @override
    def enqueue(self, entry: SpoolEntry) -> None:
        text = entry_to_json(entry)
        if len(text) > MAX_INLINE_BYTES:  # ASCII: as many bytes as characters
            content = json.dumps(request_to_json(entry.webhook.request)).encode()
            reference = self.blobs.put(f"spool/{entry.entry_id}", content)
            text = entry_to_json(entry, request_reference=reference)
        with storage_errors("spool"):
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=text,
                MessageGroupId=entry.group,
                MessageDeduplicationId=entry.entry_id,
            )

    @override
    def receive(self, limit: int, visibility: timedelta) -> tuple[SpoolDelivery, ...]:
        """One by one: SQS would put several messages of a group into one answer.

        What cannot be read is left to the queue's redrive policy; see ``delivery_from_sqs``.
        """
        deliveries = []
        for _ in range(limit):
            messages = self._queue.receive(1, visibility)
            if not messages:
                break
            (message,) = messages
            count = message["Attributes"][RECEIVE_COUNT]
            try:
                delivery = _delivery(message["Body"], message["ReceiptHandle"], count, self.blobs)
                deliveries.append(delivery)
            except (StorageUnavailableError, UnreadableMessageError) as error:
                logger.error(  # noqa: TRY400 - the trace of an error that was foreseen says nothing
                    "spooled request cannot be read",
                    extra={"sqs_message_id": message["MessageId"], "error": str(error)},
                )
        return tuple(deliveries)

    @override
    def acknowledge(self, delivery: SpoolDelivery) -> None:
        self._queue.delete(delivery.receipt)

    @override
    def release(self, delivery: SpoolDelivery, delay: timedelta, reason: str = "") -> None:
        """``delay`` is rounded up to whole seconds. The log alone has the reason."""
        self._queue.hide(delivery.receipt, delay)

    @override
    def depth(self) -> SpoolDepth:
        """The number is approximate, and no age is known."""
        return SpoolDepth(sum(self._queue.counts()), None)

    @override
    def erasure_notice(self) -> str:
        """To look at an entry would be to take it, and to hold up its group."""
        return (
            f"the spool on SQS, about {self.depth().entries} webhooks: repeat this when it is "
            "empty; and large ones that were in it, under spool/ in the bucket until they expire "
            "there"
        )

    @property
    def _queue(self) -> SqsQueue:
        return SqsQueue(self.client, self.url, "spool", self.wait_seconds)


def delivery_from_sqs(record: Mapping[str, Any], blobs: BlobStore) -> SpoolDelivery:
    """The entry in a record of an SQS event, as a Lambda function gets it.

    One of an unreleased version is ``unreadable``, and becomes a dead letter.
    Raises ``UnreadableMessageError`` for anything else, also when the request is gone from
    ``blobs``, and ``StorageUnavailableError`` when they cannot be asked.
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    count = record["attributes"][RECEIVE_COUNT]
    return _delivery(record["body"], record["receiptHandle"], count, blobs)


def _delivery(text: str, receipt: str, receive_count: str, blobs: BlobStore) -> SpoolDelivery:
    unreadable = None
    try:
        entry = entry_from_json(text, blobs.get)
    except ValueError as error:
        unreadable = UnreadableMessageError(f"this is {error}")
        old_entry = old_entry_from_json(text, blobs.get)
        if old_entry is None:
            raise unreadable from error
        entry = old_entry
    return SpoolDelivery(entry, receipt, int(receive_count), unreadable)
