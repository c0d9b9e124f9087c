"""How much work one SMS is, in counts: they change only when the code does.

Stores and queues in memory do their own work. It is counted with the rest where it is Frontdesk's.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest
from dependency_injector import providers
from pydantic_core import SchemaSerializer, SchemaValidator
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from application.ports.webhook_parser import WebhookRequest
from application.receiving.receive_webhook import ReceiveWebhook
from domain.channels import ChannelType
from domain.messages import InboundMessage, MessageState
from entrypoints.composition.container import build_container
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.channels.twilio.verification import decode_form
from infrastructure.serialization.context_json import context_to_json, inbound_to_json
from infrastructure.sqlite.database import SqliteDatabase
from tests.builders import ACCOUNT, NOW, RECIPIENT, SENDER, a_conversation

TOKEN = "0123456789abcdef0123456789abcdef"
ORIGIN, PATH = "https://hooks.example", "/webhooks/sms"
MOST_FRAMES = 247
"""How often an SMS enters a function of ours, with those of the stores in memory."""

ROOT = Path(__file__).parents[1]
LAYERS = tuple(f"{ROOT / layer}/" for layer in ("domain", "application", "infrastructure"))


@contextmanager
def calls_counted() -> Iterator[Counter[object]]:
    """Counts calls: of Python functions by their code, of pydantic's core by its class."""
    counted: Counter[object] = Counter()

    def count(frame: FrameType, event: str, called: object) -> None:
        if event == "call":
            counted[frame.f_code] += 1
        elif event == "c_call":
            counted[type(getattr(called, "__self__", None))] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield counted
    finally:
        sys.setprofile(before)


def a_webhook(body: str) -> WebhookRequest:
    signed = TwilioSimulator(ACCOUNT, TOKEN).request(
        ORIGIN + PATH,
        ChannelType.SMS,
        sender=SENDER[ChannelType.SMS],
        recipient=RECIPIENT[ChannelType.SMS],
        body=body,
    )
    headers = tuple((name.lower(), value) for name, value in signed.headers.items())
    return WebhookRequest("POST", signed.url, headers, signed.body, NOW)


@pytest.fixture(scope="module")
def receive_webhook() -> ReceiveWebhook:
    """A front door that has handled one SMS, so that all is imported and built."""
    secrets = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    container = build_container({**secrets, "PUBLIC_BASE_URL": ORIGIN}, ephemeral=True)
    container.conversation_store().open_conversation(a_conversation())
    receive_webhook = container.receive_webhook()
    receive_webhook(a_webhook("Is my order on its way?"))
    return receive_webhook


@pytest.fixture(scope="module")
def calls(receive_webhook: ReceiveWebhook) -> Counter[object]:
    """What one SMS of a known sender calls, from its bytes to the answer."""
    request = a_webhook("Or is it lost?")
    exchange = receive_webhook.begin("POST", PATH)
    with calls_counted() as counted:
        response = exchange.process(request)
    assert response.status == 200
    return counted


def test_sms_is_decoded_signed_and_written_once(calls: Counter[object]) -> None:
    for function in (decode_form, RequestValidator.compute_signature, context_to_json):
        assert calls[function.__code__] == 1


def test_keys_of_a_message_are_hashed_once(calls: Counter[object]) -> None:
    request_id = InboundMessage.__dict__["request_id"].func
    copies_of_the_store = calls[inbound_to_json.__code__]
    assert calls[request_id.__code__] <= 1 + copies_of_the_store


def test_sms_needs_nothing_of_pydantic(calls: Counter[object]) -> None:
    assert calls[SchemaValidator] == 0
    assert calls[SchemaSerializer] == 0


def test_sms_on_sqlite_takes_four_statements_and_one_commit(tmp_path: Path) -> None:
    statements: list[str] = []
    database = SqliteDatabase(tmp_path / "frontdesk.db", on_statement=statements.append)
    secrets = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    settings = {**secrets, "PUBLIC_BASE_URL": ORIGIN, "DATA_DIR": str(tmp_path)}
    container = build_container(settings)
    container.database.override(providers.Object(database))
    container.conversation_store().open_conversation(a_conversation())
    receive_webhook = container.receive_webhook()
    statements.clear()
    assert receive_webhook(a_webhook("Is my order on its way?")).status == 200
    assert [statement.split()[0] for statement in statements] == [
        *("BEGIN", "SELECT", "INSERT", "UPDATE", "INSERT", "COMMIT")
    ]
    ((state, queued_at, context),) = database.rows(
        "SELECT state, queued_at, context FROM messages JOIN contexts USING (request_id)"
    )
    assert state == MessageState.QUEUED
    assert queued_at == json.loads(context)["processing"]["processing_timestamps"]["queued"]
    database.close()


def test_sms_enters_few_functions_of_ours(calls: Counter[object]) -> None:
    entered = Counter[str]()
    for code, times in calls.items():
        if isinstance(code, CodeType) and code.co_filename.startswith(LAYERS):
            entered[code.co_qualname] += times
    assert entered.total() <= MOST_FRAMES, entered.most_common()
