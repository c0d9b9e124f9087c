"""What it costs to count what waits in DynamoDB."""

from typing import Any

from infrastructure.aws.dynamodb.dynamodb_backlog import MOST_READ
from infrastructure.aws.dynamodb.dynamodb_message_keys import WORK_SHARDS
from tests.contracts.message_lists import numbered
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

MOST_CALLS = 3 * WORK_SHARDS + 1


class Counting:
    """Passes calls on, and notes which there were."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments.get("Select")))
            return called(**arguments)

        return call


def test_count_reads_no_more_records_than_one_call_gives(tables: Tables) -> None:
    for number in range(MOST_READ + 20):
        tables.stores().messages.record(numbered(number))
    client = Counting(tables.client)
    backlog = tables.stores(client=client).backlog.count(1_000)
    assert backlog.pending == MOST_READ + 20
    assert backlog.oldest_pending_at == numbered(0).recorded_at
    assert len(client.calls) <= MOST_CALLS
    assert [name for name, _ in client.calls].count("batch_get_item") == 1
    assert client.calls.count(("query", "COUNT")) == 2 * WORK_SHARDS


def test_count_of_an_empty_table_asks_each_shard_twice(tables: Tables) -> None:
    client = Counting(tables.client)
    assert tables.stores(client=client).backlog.count(1_000).pending == 0
    assert len(client.calls) == 2 * WORK_SHARDS
