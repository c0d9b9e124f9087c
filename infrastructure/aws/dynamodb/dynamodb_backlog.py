"""How much waits in DynamoDB."""

from datetime import UTC, datetime

from typing_extensions import override

from application.ports.backlog import Backlog, StoreBacklog
from application.ports.outbox import Outbox
from domain.messages import MessageState
from infrastructure.aws.dynamodb.dynamodb_message_keys import (
    WORK_INDEX,
    WORK_SHARDS,
    work_partition,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable

MOST_READ = 100
"""So many pending messages are read, in one call, to find the oldest of them."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class DynamoDbBacklog(Backlog):
    """Counts keys of the work index: eight queries for each state, half a read unit for 4 KB."""

    def __init__(self, messages: DynamoDbTable, outbox: Outbox) -> None:
        self._messages = messages
        self._outbox = outbox

    @override
    def count(self, most: int) -> StoreBacklog:
        first = self._outbox.list_stuck(min(MOST_READ, most), _END_OF_TIME)
        oldest = min((record.recorded_at for record in first), default=None)
        is_more = len(first) == MOST_READ < most
        pending = self._count(MessageState.PENDING, most) if is_more else len(first)
        return StoreBacklog(pending, oldest, self._count(MessageState.UNMATCHED, most))

    def _count(self, state: MessageState, most: int) -> int:
        number = 0
        for shard in range(WORK_SHARDS):
            if number < most:
                work = {"work": work_partition(state, shard)}
                number += self._messages.count("#work = :work", work, WORK_INDEX, most - number)
        return number
