"""Unmatched messages in the console: why, and delivered with one action."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from application.ports.message_store import MessageStore
from entrypoints.http.console.recovery import unmatched_pages
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.end_to_end.companies import ACME, BRILL, given_conversation_with
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, given_token, running, running_locally
from tests.entrypoints.http.api.shared_desk import UNKNOWN, shared_desk
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import HOSTILE, Visit, shown, visit


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data"), FALLBACK_MAX_PER_HOUR="0") as api:
        yield api


@pytest.fixture(scope="module")
def visitor(local: Api) -> Visit:
    return visit(local)


def given_unmatched(api: Api, sender: str, number: int = 1) -> list[str]:
    """The request ids of what an unknown sender wrote."""
    for index in range(number):
        received(api, SMS, sender=sender, body=f"Question {index} of {sender}")
    found = store_of(api).list_unmatched(100).items
    return [one.request_id for one in found if one.message.sender.value == sender]


def store_of(api: Api) -> MessageStore:
    return api.container.message_store()


def left_of(api: Api, sender: str) -> int:
    return sum(one.sender.value == sender for one in api.frontdesk.unmatched())


def test_empty_list_says_that_this_is_healthy(tmp_path: Path) -> None:
    with running_locally(tmp_path) as api:
        text = visit(api).text("/unmatched")
        assert "Nothing is unmatched." in text
        assert "frontdesk send sms" in text


def test_list_says_who_wrote_what_and_why_it_is_unmatched(local: Api, visitor: Visit) -> None:
    given_unmatched(local, "+14155550101", 2)
    text = visitor.text("/unmatched")
    assert "+14155550101 SMS to +15005550006" in text
    assert "+14155550101 has no open conversation with +15005550006." in text
    assert "The sender got no fallback." in text
    assert "Question 0 of +14155550101" in text
    assert visitor.get("/unmatched").data.count(b"deliver what +14155550101 wrote") == 1


def test_conversation_is_opened_and_everything_of_the_sender_delivered(
    local: Api, visitor: Visit
) -> None:
    sender = "+14155550102"
    request_id, *_ = given_unmatched(local, sender, 3)
    text = shown(visitor.post(f"/unmatched/{request_id}/open"))
    assert "A conversation is open now. 3 messages are delivered." in text
    assert left_of(local, sender) == 0
    (conversation,) = local.get("/v1/conversations", address=sender)["items"]
    assert conversation["recipient_id"] == "+15005550006"
    history = local.get(f"/v1/conversations/sms/{conversation['conversation_id']}/messages")
    assert {one["state"] for one in history["items"]} == {"queued"}


def test_what_came_before_an_open_conversation_is_delivered_alone(
    local: Api, visitor: Visit
) -> None:
    sender = "+14155550103"
    request_id, *_ = given_unmatched(local, sender)
    _, conversation = opened(local, sender=sender)
    text = visitor.text("/unmatched")
    assert "Their conversation is open now. See the conversation" in text
    answer = visitor.post(f"/unmatched/{request_id}/deliver")
    assert "1 message is delivered." in shown(answer)
    assert conversation["conversation_id"].encode() in answer.data


def test_repeated_action_does_nothing_and_says_so(local: Api, visitor: Visit) -> None:
    request_id, *_ = given_unmatched(local, "+14155550104")
    assert visitor.post(f"/unmatched/{request_id}/open").status == 200
    for action in ("open", "deliver"):
        answer = visitor.post(f"/unmatched/{request_id}/{action}")
        assert answer.status == 409
        assert "is not unmatched any more" in shown(answer)
    assert len(local.get("/v1/conversations", address="+14155550104")["items"]) == 1


def test_two_at_once_deliver_once(local: Api, visitor: Visit) -> None:
    sender = "+14155550105"
    request_id, *_ = given_unmatched(local, sender, 4)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: visitor.post(f"/unmatched/{request_id}/open"), range(4))
    texts = [shown(answer) for answer in answers]
    assert not [text for text in texts if "still unmatched" in text]
    (conversation,) = local.get("/v1/conversations", address=sender)["items"]
    history = local.get(f"/v1/conversations/sms/{conversation['conversation_id']}/messages")
    assert len(history["items"]) == 4


def test_closed_conversation_takes_nothing_and_is_named(local: Api, visitor: Visit) -> None:
    """It was open when the page was shown."""
    sender = "+14155550106"
    request_id, *_ = given_unmatched(local, sender)
    path, conversation = opened(local, sender=sender)
    local.call("PUT", f"{path}/status", {"conversation_status": "closed"})
    answer = visitor.post(f"/unmatched/{request_id}/deliver")
    assert answer.status == 409
    assert "no conversation is open that takes it" in shown(answer)
    assert "The sender's conversation, closed" in shown(answer)
    assert f"/conversations/sms/{conversation['conversation_id']}".encode() in answer.data
    assert left_of(local, sender) == 1
    assert "A conversation is open now" in shown(visitor.post(f"/unmatched/{request_id}/open"))
    assert len(local.get("/v1/conversations", address=sender)["items"]) == 2


def test_text_of_strangers_does_nothing(local: Api, visitor: Visit) -> None:
    received(
        local,
        EMAIL,
        sender="eve@example.com",
        recipient="help@example.com",
        subject=HOSTILE,
        body=HOSTILE,
    )
    page = visitor.get("/unmatched").data
    assert b"<script>alert" not in page
    assert b"{{ 7*7 }}" in page


def test_page_is_no_longer_than_it_may_be(
    local: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmatched_pages, "PAGE_SIZE", 1)
    given_unmatched(local, "+14155550107", 2)
    counts, path = [], "/unmatched"
    for _ in range(50):
        page = visitor.get(path).data.decode()
        counts.append(page.count('<tr>\n<th scope="row"'))
        path = page.partition('<p class="more"><a class="button" href="')[2].partition('"')[0]
        if not path:
            break
    assert sum(counts) == len(local.frontdesk.unmatched())
    assert max(counts) == 1


def test_companies_open_and_deliver_their_own_alone(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, brill):
        visitor = visit(acme.api)
        page = visitor.get("/unmatched").data
        assert b"Secret of acme" in page
        assert b"brill" not in page.lower()
        for action in ("open", "deliver"):
            answer = visitor.post(f"/unmatched/{brill.unmatched}/{action}")
            assert answer.status == 409
            assert b"brill" not in answer.data.lower()
        given_conversation_with(whole.frontdesk, BRILL, SMS, sender_id=UNKNOWN)
        answer = visitor.post(f"/unmatched/{acme.unmatched}/open")
        assert "A conversation is open now, for Acme. 1 message is delivered." in shown(answer)
        (left,) = whole.frontdesk.unmatched()
        assert left.request_id == brill.unmatched
        (conversation,) = acme.api.get("/v1/conversations", address=UNKNOWN)["items"]
        assert conversation["company_id"] == "acme"
        assert conversation["credentials_reference"] == ACME.credentials_reference


def test_message_by_an_account_that_does_not_own_the_recipient_is_explained(
    tmp_path: Path,
) -> None:
    with shared_desk(tmp_path) as (whole, *_):
        webhook = ACME.signed_webhook(
            whole.frontdesk, SMS, sender="+14155550108", recipient=BRILL.number
        )
        assert whole.frontdesk.post(webhook).status == 200
        visitor = visit(whole)
        text = visitor.text("/unmatched")
        account = f"Account {ACME.providers.account_sid} of company acme delivered it"
        assert f"{account}, but by TENANTS {BRILL.number} belongs to company brill" in text
        assert "If not, correct TENANTS . Then deliver the message." in text
        assert "A button that delivers is here then." in text
        (foreign,) = [
            one for one in whole.frontdesk.unmatched() if one.sender.value == "+14155550108"
        ]
        answer = visitor.post(f"/unmatched/{foreign.request_id}/open")
        assert answer.status == 409
        assert f"{BRILL.number} with account {ACME.providers.account_sid}" in shown(answer)
        assert whole.get("/v1/conversations", address="+14155550108")["items"] == []


def test_reader_sees_no_button_and_cannot_act(tmp_path: Path) -> None:
    token = given_token("reader", [Scope.READ])
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": token.line}) as api:
        (request_id,) = given_unmatched(api, "+14155550109")
        visitor = visit(api.with_token(token.text))
        assert b"deliver</button>" not in visitor.get("/unmatched").data
        assert visitor.post(f"/unmatched/{request_id}/open").status == 403
        assert left_of(api, "+14155550109") == 1


def test_form_of_another_session_does_nothing(local: Api, visitor: Visit) -> None:
    (request_id,) = given_unmatched(local, "+14155550110")
    stranger = replace(visitor, csrf_token="x")
    for action in ("open", "deliver"):
        assert stranger.post(f"/unmatched/{request_id}/{action}").status == 403
    assert left_of(local, "+14155550110") == 1
