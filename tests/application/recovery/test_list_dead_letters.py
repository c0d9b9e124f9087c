"""Listing dead letters by kind and company, with what their messages say of themselves."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.pages import MOST_LOOKED_AT, each_item, write_cursor
from application.ports.webhook_parser import ParsedMessage
from application.recovery.describe_dead_letter import DescribedDeadLetter, DescribeDeadLetter
from application.recovery.list_dead_letters import ListDeadLetters
from domain.channels import ChannelType
from domain.erasure import RetainedMessage
from domain.errors import DeadLetterNotFoundError, InvalidCursorError, StorageUnavailableError
from domain.messages import MessageRecord
from domain.tenants import Tenant, TenantDirectory
from infrastructure.memory.memory_messages import MemoryMessageStore
from tests.application.frontdesk import FrontDesk
from tests.builders import ACCOUNT, NOW, a_record, an_inbound_message
from tests.contracts.cursors import WRONG_CURSORS
from tests.contracts.dead_letters import a_dead_letter

ACME = Tenant("acme", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550006"}))
BUG = DeadLetterKind.BUG


@pytest.fixture
def frontdesk() -> FrontDesk:
    frontdesk = FrontDesk(directory=TenantDirectory((ACME, Tenant("globex"))))
    frontdesk.parser.messages = [ParsedMessage(an_inbound_message())]
    return frontdesk


@pytest.fixture
def list_dead_letters(frontdesk: FrontDesk) -> ListDeadLetters:
    return frontdesk.container.operations().list_dead_letters()


def given(frontdesk: FrontDesk, number: int, **changes: Any) -> DeadLetter:
    at = NOW + timedelta(seconds=number)
    dead_letter = a_dead_letter(f"dead-{number:04}", created_at=at, **changes)
    frontdesk.dead_letters.store(dead_letter)
    return dead_letter


def all_ids(list_dead_letters: ListDeadLetters, limit: int, **wanted: Any) -> list[str]:
    """The ids on all pages, each at most ``limit`` long."""
    pages = each_item(lambda cursor: list_dead_letters(limit, after=cursor, **wanted))
    return [described.dead_letter.dead_letter_id for described in pages]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_have_every_dead_letter_of_a_kind_once_the_oldest_first(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters, limit: int
) -> None:
    for number in (3, 0, 4, 2, 1):
        given(frontdesk, number, kind=BUG)
    given(frontdesk, 7)
    bugs = [f"dead-{number:04}" for number in range(5)]
    assert all_ids(list_dead_letters, limit, kind=BUG) == bugs
    assert all_ids(list_dead_letters, limit) == [*bugs, "dead-0007"]


def test_page_goes_on_after_a_dead_letter_that_was_deleted(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    for number in range(3):
        given(frontdesk, number)
    page = list_dead_letters(1)
    frontdesk.dead_letters.delete("dead-0000")
    rest = list_dead_letters(10, after=page.cursor).items
    assert [one.dead_letter.dead_letter_id for one in rest] == ["dead-0001", "dead-0002"]


def test_page_looks_at_a_limited_number_and_says_where_to_go_on(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    for number in range(MOST_LOOKED_AT + 1):
        given(frontdesk, number, kind=BUG if number == MOST_LOOKED_AT else DeadLetterKind.EXHAUSTED)
    page = list_dead_letters(10, kind=BUG)
    assert page.items == ()
    (found,) = list_dead_letters(10, kind=BUG, after=page.cursor).items
    assert found.dead_letter.kind is BUG


def test_dead_letter_is_described_by_the_messages_in_it(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    dead_letter = given(frontdesk, 1)
    described = list_dead_letters.one("dead-0001")
    message = an_inbound_message()
    assert described == DescribedDeadLetter(dead_letter, ChannelType.SMS, (message,))
    assert (described.senders, described.account) == (("+14155550123",), ACCOUNT)


def test_dead_letter_that_cannot_be_read_has_a_channel_and_why_and_no_sender(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    dead_letter = given(frontdesk, 1)
    frontdesk.parser.parse_error = ZeroDivisionError()
    assert list_dead_letters.one("dead-0001") == DescribedDeadLetter(
        dead_letter, ChannelType.SMS, failure="ZeroDivisionError"
    )


def test_undeliverable_message_is_described_by_its_record(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    record = a_record()
    frontdesk.messages.record(record)
    dead_letter = given(frontdesk, 1, request=None, request_id=record.request_id)
    expected = DescribedDeadLetter(dead_letter, ChannelType.SMS, (record.message,))
    assert list_dead_letters.one("dead-0001") == expected
    frontdesk.retention.erase(RetainedMessage.of(record))
    assert list_dead_letters.one("dead-0001") == DescribedDeadLetter(dead_letter, None)


def test_dead_letters_are_listed_although_the_store_is_down(frontdesk: FrontDesk) -> None:
    class NoStore(MemoryMessageStore):
        def find_record(self, request_id: str) -> MessageRecord:
            raise StorageUnavailableError(request_id)

    given(frontdesk, 1, request=None, request_id="request-1")
    describe = DescribeDeadLetter(frontdesk.container.parsers(), NoStore())
    tenants = FindCompany(frontdesk.container.tenants())
    page = ListDeadLetters(frontdesk.dead_letters, describe, tenants)(10)
    assert [one.channel for one in page.items] == [None]


@pytest.mark.parametrize(
    ("company_ids", "expected"),
    [({"acme"}, ["dead-0001"]), ({"globex"}, []), ({"acme", "globex"}, ["dead-0001"])],
)
def test_dead_letters_of_other_companies_and_of_none_are_left_out(
    frontdesk: FrontDesk,
    list_dead_letters: ListDeadLetters,
    company_ids: set[str],
    expected: list[str],
) -> None:
    given(frontdesk, 1)
    given(frontdesk, 2, request=None, request_id="unknown")
    assert all_ids(list_dead_letters, 10, company_ids=company_ids) == expected


def test_unknown_dead_letter_is_reported(list_dead_letters: ListDeadLetters) -> None:
    with pytest.raises(DeadLetterNotFoundError):
        list_dead_letters.one("unknown")


@pytest.mark.parametrize(
    "cursor", [*WRONG_CURSORS, write_cursor("dead letters", "yesterday", "dead-0001")]
)
def test_wrong_cursor_of_dead_letters_is_refused(
    list_dead_letters: ListDeadLetters, cursor: str
) -> None:
    with pytest.raises(InvalidCursorError):
        list_dead_letters(10, after=cursor)


def test_dead_letter_of_several_recipients_names_each_sender_once(
    frontdesk: FrontDesk, list_dead_letters: ListDeadLetters
) -> None:
    message = an_inbound_message()
    other = replace(message, sender=an_inbound_message(sender="+14155550199").sender)
    frontdesk.parser.messages = [ParsedMessage(each) for each in (message, message, other)]
    given(frontdesk, 1)
    assert list_dead_letters.one("dead-0001").senders == ("+14155550123", "+14155550199")
