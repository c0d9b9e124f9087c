"""The outbox in DynamoDB."""

from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.outbox import Outbox
from domain.outbox import MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    SET_STATE,
    as_seen,
    is_erased,
    message_key,
    succeeded,
    time_text,
    work_bound,
    work_of,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Refusal
from infrastructure.aws.dynamodb.dynamodb_values import attributes
from infrastructure.aws.dynamodb.dynamodb_work import DynamoDbWork

_MARK_QUEUED = "SET #state = :queued, #queued_at = :queued_at REMOVE #work, #work_since"


class DynamoDbOutbox(Outbox):
    """The pending items of the messages table."""

    def __init__(self, messages: DynamoDbTable, texts: DynamoDbTexts) -> None:
        self._messages = messages
        self._work = DynamoDbWork(messages, texts)

    @override
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        due = ("<", work_bound(rfc3339(now)))
        pending = MessageState.PENDING
        return self._work.first(limit, pending, due, lambda record: record.is_stuck(now))

    @override
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        leased = replace(record.leased(now), state=MessageState.PENDING)
        until = time_text(leased.lease_until)
        refusal = self._change_pending(
            record,
            "SET #lease_until = :until, #attempts = :attempts, #work_since = :work_since",
            until=until,
            attempts=leased.attempts,
            work_since=work_of(leased)["work_since"],
        )
        return succeeded(refusal, state=MessageState.PENDING, lease_until=until)

    @override
    def mark_queued(self, request_id: str, queued_at: datetime) -> bool:
        refusal = self._messages.change(
            message_key(request_id),
            _MARK_QUEUED,
            "#state = :pending",
            attributes(
                {
                    "queued": MessageState.QUEUED,
                    "queued_at": rfc3339(queued_at),
                    "pending": MessageState.PENDING,
                }
            ),
        )
        return refusal is None or not is_erased(refusal.item)

    @override
    def give_up(self, record: MessageRecord) -> bool:
        refusal = self._change_pending(
            record,
            "SET #state = :undeliverable REMOVE #work, #work_since",
            undeliverable=MessageState.UNDELIVERABLE,
        )
        seen = time_text(record.lease_until)
        return succeeded(refusal, state=MessageState.UNDELIVERABLE, lease_until=seen)

    @override
    def retry(self, request_id: str) -> bool:
        for record in self._work.read([request_id]):
            again = replace(record, state=MessageState.PENDING, lease_until=None, attempts=0)
            values = {
                "state": again.state,
                "none": again.attempts,
                "undeliverable": MessageState.UNDELIVERABLE,
                **work_of(again),
            }
            refusal = self._messages.change(
                message_key(request_id),
                f"{SET_STATE}, #attempts = :none REMOVE #lease_until",
                "#state = :undeliverable",
                attributes(values),
            )
            return succeeded(refusal, state=MessageState.PENDING, lease_until=None)
        return False

    def _change_pending(
        self, record: MessageRecord, update: str, **values: object
    ) -> Refusal | None:
        """Change a message that is pending, if nobody has taken it since it was seen."""
        seen = time_text(record.lease_until)
        return self._messages.change(
            message_key(record.request_id),
            update,
            "#state = :pending AND " + as_seen("lease_until", seen=seen is not None),
            attributes({**values, "pending": MessageState.PENDING, "seen": seen}),
        )
