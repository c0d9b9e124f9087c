"""Listing unmatched messages by company, and redriving one of them."""

from dataclasses import replace
from typing import Any

import pytest

from application.ports.pages import each_item
from application.recovery.list_unmatched import ListUnmatched
from domain.erasure import RetainedMessage
from domain.errors import InvalidCursorError, MessageNotFoundError
from domain.messages import MessageRecord, MessageState
from domain.tenants import Tenant, TenantDirectory
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, KEY, a_record
from tests.contracts.message_lists import numbered, numbers

ACME = Tenant("acme", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550006"}))


@pytest.fixture
def frontdesk() -> FrontDesk:
    frontdesk = FrontDesk(directory=TenantDirectory((ACME, Tenant("globex"))))
    for number in (2, 0, 1):
        frontdesk.messages.record(numbered(number, None))
    frontdesk.messages.record(numbered(3, KEY))
    return frontdesk


@pytest.fixture
def list_unmatched(frontdesk: FrontDesk) -> ListUnmatched:
    return frontdesk.container.operations().list_unmatched()


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"company_ids": {"acme"}}, [0, 1, 2]),
        ({"company_ids": {"globex"}}, []),
        ({"company_ids": ()}, []),
    ],
)
def test_pages_have_every_unmatched_message_of_the_companies_in_order_of_receipt(
    list_unmatched: ListUnmatched, limit: int, wanted: dict[str, Any], expected: list[int]
) -> None:
    pages = each_item(lambda cursor: list_unmatched(limit, after=cursor, **wanted))
    assert numbers(pages) == expected


def test_wrong_cursor_of_unmatched_messages_is_refused(list_unmatched: ListUnmatched) -> None:
    with pytest.raises(InvalidCursorError):
        list_unmatched(after="nonsense")


def test_one_unmatched_message_is_found_by_its_request_id(list_unmatched: ListUnmatched) -> None:
    record = numbered(1, None)
    assert list_unmatched.one(record.request_id) == record


def test_message_that_is_not_unmatched_is_not_found(
    frontdesk: FrontDesk, list_unmatched: ListUnmatched
) -> None:
    erased = numbered(0, None)
    frontdesk.retention.erase(RetainedMessage.of(erased))
    for request_id in (numbered(3).request_id, erased.request_id, "unknown"):
        with pytest.raises(MessageNotFoundError):
            list_unmatched.one(request_id)


def test_one_message_is_redriven_and_the_others_stay_unmatched(
    frontdesk: FrontDesk, list_unmatched: ListUnmatched
) -> None:
    record = list_unmatched.one(numbered(1, None).request_id)
    assert frontdesk.redrive.one(record) is None
    conversation = frontdesk.given_conversation()
    joined = frontdesk.redrive.one(record)
    assert joined is not None
    assert joined.key == conversation.key
    assert numbers(list_unmatched(10).items) == [0, 2]
    assert frontdesk.redrive.one(record) is None
    queued = frontdesk.messages.find_record(record.request_id)
    assert isinstance(queued, MessageRecord)
    assert replace(queued, trail=record.trail) == a_record(
        record.message,
        conversation.key,
        recorded_at=record.recorded_at,
        state=MessageState.QUEUED,
        queued_at=frontdesk.now,
    )
    assert len(frontdesk.queued()["sms-replies"]) == 1
