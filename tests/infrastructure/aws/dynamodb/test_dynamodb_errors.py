"""Errors and lost responses of DynamoDB, and how the stores report them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from application.ports.fallback_throttle import ThrottleOutcome
from application.ports.pages import write_cursor
from domain.channels import ChannelType
from domain.errors import StorageRefusedError, StorageUnavailableError
from domain.messages import ConversationKey
from domain.trail import FailedAttempt
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.context_queue import HANDOFF
from tests.contracts.conversation_changes import HANDED_OFF
from tests.contracts.fallback_throttle import LIMITS
from tests.contracts.message_store import stored
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_faults import (
    every_call_raises,
    every_response,
    first_response_lost,
    recorded_calls,
)
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

LATER = NOW + timedelta(minutes=1)
OTHER = ConversationKey("conversation-2", ChannelType.SMS)
URL = "https://dynamodb.us-east-1.amazonaws.com/"

UNMATCHED_CURSOR = write_cursor("unmatched", "2026-03-04T12:00:00.250000Z#0123456789abcdef")

EVERY_METHOD: dict[str, Callable[[Tables], object]] = {
    "find": lambda t: t.stores().conversations.find_open_conversations(ChannelType.SMS, ["+1"]),
    "open": lambda t: t.stores().conversations.open_conversation(a_conversation()),
    "get": lambda t: t.stores().conversations.get_conversations("1"),
    "list": lambda t: t.stores().conversations.list_conversations(1).items,
    "list of senders": lambda t: t.stores().conversations.list_conversations(
        1, senders={ChannelType.SMS: ["+1"]}
    ),
    "activity": lambda t: t.stores().conversations.record_activity(
        a_conversation(), an_inbound_message()
    ),
    "hand off": lambda t: t.stores().conversations.change_state(KEY, HANDED_OFF),
    "record": lambda t: t.stores().messages.record(a_record()),
    "assign": lambda t: t.stores().messages.assign(a_record(), OTHER),
    "lease": lambda t: t.stores().outbox.take_lease(a_record(), LATER),
    "failure": lambda t: t.stores().outbox.add_failure(a_record(), FailedAttempt(NOW, "why")),
    "queued": lambda t: t.stores().outbox.mark_queued("key", NOW),
    "move": lambda t: t.stores().outbox.move(a_record(), HANDOFF, NOW),
    "history": lambda t: t.stores().messages.history(KEY),
    "entries": lambda t: t.stores().messages.list_entries(KEY, 1),
    "stuck": lambda t: t.stores().outbox.list_stuck(1, NOW),
    "unmatched": lambda t: t.stores().messages.list_unmatched(1).items,
    "next unmatched": lambda t: t.stores().messages.list_unmatched(1, after=UNMATCHED_CURSOR),
    "acquire": lambda t: t.throttle().acquire("ana", NOW, LIMITS),
    "release": lambda t: t.throttle().release("ana"),
}
BY_INDEX = ("history", "entries", "stuck", "unmatched", "next unmatched")


class NoPause:
    """A replacement for ``time`` without the SDK's pauses between attempts."""

    @staticmethod
    def sleep(seconds: float) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_retry_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint, "time", NoPause)


@pytest.fixture(scope="class")
def own_aws(ministack: EmulatedAws) -> EmulatedAws:
    """Clients of the class alone: a client whose calls fail often repeats none any more."""
    return EmulatedAws(ministack.environ)


@pytest.fixture
def tables(own_aws: EmulatedAws) -> Tables:
    """Tables on ministack: moto sends no requests, so no response of it can be lost."""
    return Tables.create(own_aws)


@pytest.fixture(params=EVERY_METHOD)
def method(request: pytest.FixtureRequest) -> Callable[[Tables], object]:
    return EVERY_METHOD[request.param]


class TestTranslation:
    """Every method translates the errors of the SDK."""

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "ThrottlingException"),
            (400, "ProvisionedThroughputExceededException"),
            (400, "RequestLimitExceeded"),
            (400, "TransactionConflictException"),
            (400, "ResourceNotFoundException"),
            (400, "ExpiredTokenException"),
            (500, "InternalServerError"),
        ],
    )
    def test_temporary_error_is_reported_as_unavailable_storage(
        self, tables: Tables, method: Callable[[Tables], object], status: int, code: str
    ) -> None:
        with (
            every_response(tables.client, status, code),
            pytest.raises(StorageUnavailableError, match=code),
        ):
            method(tables)

    @pytest.mark.parametrize(
        "error",
        [
            ReadTimeoutError(endpoint_url=URL),
            ConnectTimeoutError(endpoint_url=URL),
            EndpointConnectionError(endpoint_url=URL),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_unreachable_dynamodb_is_reported_as_unavailable_storage(
        self, tables: Tables, method: Callable[[Tables], object], error: Exception
    ) -> None:
        with (
            every_call_raises(tables.client, error),
            pytest.raises(StorageUnavailableError, match=type(error).__name__),
        ):
            method(tables)

    def test_permanent_error_is_reported_as_refused_unless_an_index_may_be_missing(
        self, tables: Tables, method: Callable[[Tables], object]
    ) -> None:
        by_index = method in {EVERY_METHOD[name] for name in BY_INDEX}
        expected = StorageUnavailableError if by_index else StorageRefusedError
        with (
            every_response(tables.client, 400, "ValidationException"),
            pytest.raises(expected, match="ValidationException"),
        ):
            method(tables)

    def test_error_of_a_missing_table_names_the_table(self, tables: Tables) -> None:
        without = replace(tables, names={**tables.names, "messages": "no-such-table"})
        with pytest.raises(StorageUnavailableError, match="no-such-table"):
            without.stores().messages.record(a_record())

    def test_item_over_the_size_limit_is_refused(self, tables: Tables) -> None:
        conversation = a_conversation(company_name="x" * 410_000)
        with pytest.raises(StorageRefusedError):
            tables.stores().conversations.open_conversation(conversation)

    def test_keys_that_stay_unprocessed_are_reported_as_unavailable_storage(
        self, tables: Tables
    ) -> None:
        class Busy:
            def __getattr__(self, name: str) -> Any:
                return getattr(tables.client, name)

            def batch_get_item(self, **arguments: Any) -> Any:
                return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

        tables.stores().messages.record(a_record(conversation=None))
        with pytest.raises(StorageUnavailableError):
            tables.stores(client=Busy()).messages.list_unmatched(1)

    def test_unprocessed_keys_are_requested_again(self, tables: Tables) -> None:
        class Slow:
            def __getattr__(self, name: str) -> Any:
                return getattr(tables.client, name)

            def batch_get_item(self, **arguments: Any) -> Any:
                ((table, request),) = arguments["RequestItems"].items()
                first, *others = request["Keys"]
                now: Any = {table: {**request, "Keys": [first]}}
                left = {table: {**request, "Keys": others}} if others else {}
                response = tables.client.batch_get_item(RequestItems=now)
                return {**response, "UnprocessedKeys": left}

        for number in range(3):
            message = an_inbound_message(message_id=str(number))
            tables.stores().messages.record(a_record(message, None))
        assert len(tables.stores(client=Slow()).messages.list_unmatched(3).items) == 3


class TestLostResponses:
    """A write whose response was lost counts as done when the SDK repeats the request."""

    def test_recorded_message_is_new_after_a_lost_response(self, tables: Tables) -> None:
        with first_response_lost(tables.client, "PutItem"):
            assert tables.stores().messages.record(a_record()) is None
        assert stored(tables.stores(), a_record()) == a_record()

    def test_duplicate_is_a_duplicate_after_a_lost_response(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record())
        with first_response_lost(tables.client, "PutItem"):
            assert tables.stores().messages.record(a_record()) == a_record()

    def test_lease_is_taken_after_a_lost_response(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record())
        with first_response_lost(tables.client, "UpdateItem"):
            assert tables.stores().outbox.take_lease(a_record(), LATER)

    def test_lease_of_another_process_is_not_taken_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        tables.stores().messages.record(a_record())
        tables.stores().outbox.take_lease(a_record(), LATER + timedelta(seconds=1))
        with first_response_lost(tables.client, "UpdateItem"):
            assert not tables.stores().outbox.take_lease(a_record(), LATER)

    def test_lease_with_the_same_end_is_not_taken_if_no_response_was_lost(
        self, tables: Tables
    ) -> None:
        tables.stores().messages.record(a_record())
        assert tables.stores().outbox.take_lease(a_record(), LATER)
        assert not tables.stores().outbox.take_lease(a_record(), LATER)

    def test_state_is_set_after_a_lost_response(self, tables: Tables) -> None:
        conversations = tables.stores().conversations
        conversations.open_conversation(a_conversation())
        seen = a_conversation().state
        with first_response_lost(tables.client, "UpdateItem"):
            record, is_set = conversations.change_state(KEY, HANDED_OFF, seen=seen)
        assert is_set
        assert record == replace(a_conversation(), hand_off_to_human=True)

    def test_message_is_moved_after_a_lost_response(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record())
        with first_response_lost(tables.client, "UpdateItem"):
            assert tables.stores().outbox.move(a_record(), HANDOFF, LATER)
        assert stored(tables.stores(), a_record()) == a_record().moved_to(HANDOFF, LATER)

    def test_message_moved_by_another_process_is_not_moved_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        tables.stores().messages.record(a_record())
        tables.stores().outbox.move(a_record(), HANDOFF, NOW)
        with first_response_lost(tables.client, "UpdateItem"):
            assert not tables.stores().outbox.move(a_record(), HANDOFF, LATER)

    @pytest.mark.parametrize("target", [OTHER, None])
    def test_message_is_assigned_after_a_lost_response(
        self, tables: Tables, target: ConversationKey | None
    ) -> None:
        tables.stores().messages.record(a_record())
        with first_response_lost(tables.client, "UpdateItem"):
            assert tables.stores().messages.assign(a_record(), target)

    def test_message_assigned_by_another_process_is_not_assigned_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        tables.stores().messages.record(a_record())
        tables.stores().messages.assign(a_record(), None)
        with first_response_lost(tables.client, "UpdateItem"):
            assert not tables.stores().messages.assign(a_record(), OTHER)

    def test_message_stays_queued_after_a_lost_response(self, tables: Tables) -> None:
        tables.stores().messages.record(a_record())
        with first_response_lost(tables.client, "UpdateItem"):
            tables.stores().outbox.mark_queued(a_record().request_id, LATER)
        assert stored(tables.stores(), a_record()).queued_at == LATER

    def test_activity_is_recorded_after_a_lost_response(self, tables: Tables) -> None:
        tables.stores().conversations.open_conversation(a_conversation())
        with (
            recorded_calls(tables.client) as calls,
            first_response_lost(tables.client, "UpdateItem"),
        ):
            after = tables.stores().conversations.record_activity(
                a_conversation(), an_inbound_message()
            )
        assert after == a_conversation().received(an_inbound_message())
        assert calls.count("UpdateItem") == 1

    def test_conversation_is_reported_as_created_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        with first_response_lost(tables.client, "PutItem"):
            opened = tables.stores().conversations.open_conversation(a_conversation())
        assert opened == (a_conversation(), True)

    def test_conversation_of_another_process_is_not_created_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        tables.stores().conversations.open_conversation(a_conversation())
        another = a_conversation(company_name="Another")
        with first_response_lost(tables.client, "PutItem"):
            opened = tables.stores().conversations.open_conversation(another)
        assert opened == (a_conversation(), False)

    def test_fallback_is_refused_rather_than_granted_twice_after_a_lost_response(
        self, tables: Tables
    ) -> None:
        with first_response_lost(tables.client, "UpdateItem"):
            first = tables.throttle().acquire("ana", NOW, LIMITS)
        assert first is ThrottleOutcome.WITHIN_WINDOW
        assert tables.throttle().acquire("ana", NOW, LIMITS) is ThrottleOutcome.WITHIN_WINDOW


def test_record_that_changes_before_every_update_is_reported_as_unavailable_storage(
    tables: Tables,
) -> None:
    class Restless:
        changes = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(tables.client, name)

        def update_item(self, **arguments: Any) -> Any:
            self.changes += 1
            tables.set_attribute("last_user_message_at", f"yesterday {self.changes}")
            return tables.client.update_item(**arguments)

    tables.put_foreign(last_user_message_at="yesterday")
    stores = tables.stores(client=Restless())
    with pytest.raises(StorageUnavailableError):
        stores.conversations.record_activity(a_conversation(), an_inbound_message())
