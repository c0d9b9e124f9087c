"""Queues in the console: how much waits, and what, without taking anything."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from application.clock import utc_now
from domain.queues import ALL_QUEUES
from entrypoints.http.console.operations import queue_pages
from entrypoints.operations.queue_checks import LONGEST_WAIT
from infrastructure.aws.sqs_queue import SqsContextQueue
from tests.contracts.context_queue import HANDOFF, REPLIES
from tests.emulators import EmulatedAws
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received
from tests.entrypoints.http.console.browsing import (
    HOSTILE,
    Visit,
    names_of_buttons,
    pressed,
    shown,
    visit,
)
from tests.infrastructure.aws.sqs_queues import created


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path, REPLY_DELAY_SECONDS="0") as api:
        yield api


@pytest.fixture
def visitor(desk: Api) -> Visit:
    return visit(desk)


def test_depths_say_what_is_healthy(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    received(desk)
    desk.container.context_queue().receive(REPLIES, 1)
    text = visitor.text("/queues")
    assert text.index("sms-replies") < text.index("whatsapp-replies")  # what is empty comes last
    assert all(str(queue) in text for queue in ALL_QUEUES)
    assert "sms-replies OK 1 0 1 0 s ago" in text.replace("1 s ago", "0 s ago")
    assert "email-handoff OK 0 0 0" in text
    assert "Healthy is" in text


def test_what_waits_too_long_stands_first_with_its_reason(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    later = utc_now() + LONGEST_WAIT + timedelta(minutes=1)
    with desk.container.clock.override(providers.Object(lambda: later)):
        text = visitor.text("/queues")
    assert "sms-replies waits too long: no consumer takes its contexts. Start or" in text
    assert "waits too long" in text


def test_what_a_consumer_holds_for_long_is_not_in_order(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    desk.container.context_queue().receive(REPLIES, 1, visibility=timedelta(hours=12))
    text = visitor.text("/queues")
    assert "sms-replies is held for long: a consumer took a context and keeps it for 12 h" in text
    assert "sms-replies held for long 0 0 1" in text
    page = visitor.get("/queues/sms-replies")
    assert b'"badge warn">taken for long' in page.data
    assert "A consumer took a context and keeps it for 12 h more" in shown(page)


def test_what_stays_taken_again_and_again_has_no_healthy_colour(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    held = LONGEST_WAIT + timedelta(minutes=2)
    desk.container.context_queue().receive(REPLIES, 1, visibility=held)
    later = utc_now() + LONGEST_WAIT + timedelta(minutes=1)
    with desk.container.clock.override(providers.Object(lambda: later)):
        assert b'"badge warn">taken<' in visitor.get("/queues/sms-replies").data


def test_late_contexts_have_no_healthy_colour(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    assert b'"badge plain">ready' in visitor.get("/queues/sms-replies").data
    later = utc_now() + LONGEST_WAIT + timedelta(minutes=1)
    with desk.container.clock.override(providers.Object(lambda: later)):
        assert b'"badge warn">ready' in visitor.get("/queues/sms-replies").data
    desk.container.context_queue().receive(REPLIES, 1, visibility=timedelta(hours=12))
    assert b'"badge warn">taken' in visitor.get("/queues/sms-replies").data
    page = visitor.get("/trace", subject=CUSTOMER).data
    assert b'"badge warn">taken' in page
    assert b'"badge warn">It is here' in page


def test_missing_queue_hides_no_other_one(desk: Api, visitor: Visit, moto_aws: EmulatedAws) -> None:
    urls = created(moto_aws)
    moto_aws.sqs.send_message(QueueUrl=urls[HANDOFF], MessageBody="one that waits")
    urls[REPLIES] += "-gone"
    queue = SqsContextQueue(moto_aws.sqs, urls)
    why = (
        "sms-replies fails: there is no queue sms-replies "
        "(AWS.SimpleQueueService.NonExistentQueue). Create it, or correct SMS_REPLIES_QUEUE_URL"
    )
    with desk.container.context_queue.override(providers.Object(queue)):
        text = visitor.text("/queues")
        own_page = visitor.text("/queues/sms-replies")
        other_page = visitor.text("/queues/sms-handoff")
        listed = {one["queue"]: one for one in desk.get("/v1/queues")["items"]}
    assert why in text
    assert "sms-replies fails Not known." in text
    assert "sms-handoff age unknown 1 0 0" in text
    assert why in own_page
    assert "shows a context to its consumer alone" not in own_page
    assert "1 ready, 0 delayed, 0 taken. SQS shows a context to its consumer alone" in other_page
    assert "frontdesk queues read sms-handoff" in other_page
    assert why == f"sms-replies fails: {listed['sms-replies']['error']}"
    assert listed["sms-handoff"]["ready"] == 1


def test_look_inside_takes_nothing(desk: Api, visitor: Visit) -> None:
    _, conversation = opened(desk)
    received(desk, body="Where is it?")
    received(desk, body="Hello again")
    desk.container.context_queue().receive(REPLIES, 1)
    before = desk.container.context_queue().depths()
    page = visitor.get("/queues/sms-replies")
    text = shown(page)
    assert "Where is it?" in text
    assert CUSTOMER in text
    assert "taken visible in " in text
    assert " ready " in text
    assert f"/conversations/sms/{conversation['conversation_id']}".encode() in page.data
    waiting = desk.get("/v1/queues/sms-replies/contexts")["items"]
    for one in waiting:
        assert f"/trace?subject={one['context']['meta']['request_id']}".encode() in page.data
    assert "frontdesk queues move sms-replies RECEIPT handoff" in text
    assert desk.container.context_queue().depths() == before


def test_waiting_context_is_moved_to_the_other_queue(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk, body="Where is it?")
    page = visitor.get("/queues/sms-replies").data.decode()
    names = names_of_buttons(page)
    assert "Move to sms-handoff" in dict(names)
    assert all(text in name for text, name in names), "who speaks to a browser says what stands"
    answer = pressed(visitor.api, page, "/queues/sms-replies/move", "Move to sms-handoff")
    assert answer.status == 200
    assert "Moved to sms-handoff." in shown(answer)
    assert "Nothing waits on this queue." in shown(answer)
    assert "Where is it?" in visitor.text("/queues/sms-handoff")
    again = pressed(visitor.api, page, "/queues/sms-replies/move", "Move to sms-handoff")
    assert again.status == 409
    assert "Nothing was done: a consumer took the message meanwhile" in shown(again)
    assert sum(len(contexts) for contexts in desk.frontdesk.contexts().values()) == 1


def test_context_that_a_consumer_took_meanwhile_is_not_moved(desk: Api, visitor: Visit) -> None:
    opened(desk)
    received(desk)
    page = visitor.get("/queues/sms-replies").data.decode()
    (delivery,) = desk.container.context_queue().receive(REPLIES, 1)
    answer = pressed(visitor.api, page, "/queues/sms-replies/move", "Move to sms-handoff")
    assert answer.status == 409
    assert b"Move to sms-handoff</button>" not in answer.data
    assert desk.container.context_queue().acknowledge(REPLIES, delivery.receipt)


@pytest.mark.parametrize("publication", ["", "x", "0", "2", "9" * 5_000])
def test_context_that_is_not_there_is_not_moved(
    desk: Api, visitor: Visit, publication: str
) -> None:
    opened(desk)
    received(desk)
    (waiting,) = desk.get("/v1/queues/sms-replies/contexts")["items"]
    fields = {"request_id": waiting["context"]["meta"]["request_id"], "publication": publication}
    assert visitor.post("/queues/sms-replies/move", fields).status == 409
    assert desk.container.context_queue().depth(REPLIES).ready == 1


def test_empty_queue_says_what_to_type(visitor: Visit) -> None:
    assert "frontdesk send whatsapp" in visitor.text("/queues/whatsapp-handoff")


def test_queue_that_does_not_exist_is_not_found(visitor: Visit) -> None:
    assert visitor.get("/queues/fax-replies").status == 404
    assert visitor.get("/queues/sms-replies", after="x").status == 422


def test_page_is_no_longer_than_it_may_be(
    desk: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_pages, "PAGE_SIZE", 2)
    opened(desk)
    for number in range(3):
        received(desk, body=f"Text {number}")
    page = visitor.get("/queues/sms-replies").data.decode()
    assert [f"Text {number}" in page for number in range(3)] == [True, True, False]
    address = page.partition('<p class="more"><a class="button" href="')[2].partition('"')[0]
    following = visitor.get(address).data.decode()
    assert [f"Text {number}" in following for number in range(3)] == [False, False, True]


def test_backend_that_shows_nothing_says_the_command(tmp_path: Path) -> None:
    """SQS shows a context to its consumer alone, and a company no depths."""
    with (
        shared_desk(tmp_path) as (whole, acme, _),
        whole.container.context_queue.override(providers.Object(object())),
    ):
        text = visit(acme.api).text("/queues/sms-replies")
    assert "This queue cannot be looked into." in text
    assert "frontdesk queues read sms-replies" in text


def test_text_of_strangers_does_nothing(desk: Api, visitor: Visit) -> None:
    opened(desk, channel="email", sender="eve@example.com", recipient="help@example.com")
    received(
        desk,
        EMAIL,
        sender="eve@example.com",
        recipient="help@example.com",
        subject=HOSTILE,
        body=HOSTILE,
    )
    page = visitor.get("/queues/email-replies").data
    assert b"<script>alert" not in page
    assert b"{{ 7*7 }}" in page


def test_companies_see_their_own_contexts_and_no_depths(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, _):
        visitor = visit(acme.api)
        assert visitor.get("/queues").status == 403
        page = visitor.get("/queues/email-replies").data
        assert b"/trace?subject=" + acme.request_id.encode() in page
        assert b"brill" not in page.lower()
        (theirs,) = [
            one["context"]["meta"]["request_id"]
            for one in whole.get("/v1/queues/email-replies/contexts")["items"]
            if one["context"]["meta"]["request_id"] != acme.request_id
        ]
        fields = {"request_id": theirs, "publication": "1"}
        assert visitor.post("/queues/email-replies/move", fields).status == 409
        assert len(whole.get("/v1/queues/email-replies/contexts")["items"]) == 2
        assert visit(whole).get("/queues").status == 200
