"""Finding a person in raw requests, as the parser of the channel reads them."""

import tracemalloc
from dataclasses import replace

import pytest

from application.ports.webhook_parser import ParsedMessage, WebhookParserFactory
from application.privacy.find_person import FindPerson, Found
from domain.channels import ChannelType
from domain.errors import UnreadableMessageError
from tests.application.frontdesk import FrontDesk
from tests.builders import SENDER, an_inbound_message, verified

ANA = SENDER[ChannelType.SMS]
BOB = "+14155550199"
CHUNK = 32 * 1024


@pytest.fixture
def frontdesk() -> FrontDesk:
    """A front desk whose parser can read no request unless a test sets its messages."""
    frontdesk = FrontDesk()
    frontdesk.parser.parse_error = UnreadableMessageError("no MessageSid")
    return frontdesk


def found(frontdesk: FrontDesk, body: bytes, *values: str) -> Found:
    parsers = WebhookParserFactory(dict.fromkeys(ChannelType, lambda: frontdesk.parser))
    request = replace(frontdesk.request(), body=body)
    return FindPerson(parsers)(verified(request), values or [ANA])


def test_readable_request_belongs_to_its_sender(frontdesk: FrontDesk) -> None:
    frontdesk.parser.parse_error = None
    message = an_inbound_message()
    frontdesk.parser.messages = [ParsedMessage(message)]
    assert found(frontdesk, b"body") == Found(is_theirs=True, read=True, messages=(message,))
    assert found(frontdesk, ANA.encode(), BOB) == Found(is_theirs=False, read=True)


def test_readable_request_that_only_mentions_a_person_is_not_theirs(frontdesk: FrontDesk) -> None:
    frontdesk.parser.parse_error = None
    theirs = an_inbound_message(message_id="2")
    frontdesk.parser.messages = [
        ParsedMessage(an_inbound_message(sender=BOB)),
        ParsedMessage(theirs),
    ]
    assert found(frontdesk, ANA.encode()).messages == (theirs,)


@pytest.mark.parametrize("error", [UnreadableMessageError("no MessageSid"), LookupError("a bug")])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"From=%2B14155550123&Body=Hi", True),
        (b"From=whatsapp%3A%2B14155550123", True),
        (b"From=whatsapp%3a%2b14155550123", True),
        (b"WaId=14155550123&Body=Hi", True),
        (b"call +14155550123.", True),
        (b"call +141555501234", False),
        (b"call 4155550123", False),
        (b"call 914155550123", False),
    ],
)
def test_unreadable_request_belongs_to_the_person_whose_number_it_contains(
    frontdesk: FrontDesk, body: bytes, expected: bool, error: Exception
) -> None:
    frontdesk.parser.parse_error = error
    assert found(frontdesk, body) == Found(is_theirs=expected, read=False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("From: Ana <Ana+Shop@B\u00fccher.example>", True),
        ("From: Ana <ana+shop@B\u00dcCHER.EXAMPLE>", True),
        ("From: ana+shop@xn--bcher-kva.example", True),
        ("from=ana%2Bshop%40b%C3%BCcher.example", True),
        ("From: =?utf-8?Q?ana=2Bshop=40xn--bcher-kva=2Eexample?=", True),
        ("from=joana%2Bshop%40xn--bcher-kva.example", False),
        ("from=x%2Bana%2Bshop%40xn--bcher-kva.example", False),
        ("to ana+shop@xn--bcher-kva.example-shop", False),
        ("ana@xn--bcher-kva.example", False),
    ],
)
def test_unreadable_mail_belongs_to_the_person_whose_address_it_contains(
    frontdesk: FrontDesk, body: str, expected: bool
) -> None:
    assert found(frontdesk, body.encode(), "ana+shop@xn--bcher-kva.example").is_theirs is expected


@pytest.mark.parametrize("body", [b"From=ACME+Shop&To=1", b"From=ACME%20Shop", b"From: Acme Shop"])
def test_unreadable_request_belongs_to_the_sender_name_with_spaces_it_contains(
    frontdesk: FrontDesk, body: bytes
) -> None:
    assert found(frontdesk, body, "ACME Shop").is_theirs


@pytest.mark.parametrize("before", range(CHUNK - 14, CHUNK + 2))
def test_address_is_found_across_the_chunks_of_a_body(frontdesk: FrontDesk, before: int) -> None:
    body = b"." * (before - 1) + b" %b "
    assert found(frontdesk, body % ANA.encode()).is_theirs
    assert not found(frontdesk, body % b"x+14155550123").is_theirs
    assert not found(frontdesk, body % b"+141555501234").is_theirs


def test_search_in_a_large_body_uses_little_memory(frontdesk: FrontDesk) -> None:
    body = b"ana at example.com, 100 %2B" * 400_000
    tracemalloc.start()
    try:
        assert not found(frontdesk, body, "ana@example.com").is_theirs
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < len(body) / 10
