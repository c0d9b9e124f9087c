"""Programs see and steer what waits, and what is to be mended."""

import logging
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import StorageUnavailableError
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api, problem, running_locally
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data", UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


def test_attachment_is_sent_to_be_saved(api: Api) -> None:
    opened(api, channel="email", sender="ana@example.com", recipient="help@acme.example")
    received(
        api, EMAIL, sender="ana@example.com", recipient="help@acme.example",
        attachments=[("../<b>order.html", "text/html", b"<script>")],
    )  # fmt: skip
    (waiting,) = api.get("/v1/queues/email-replies/contexts")["items"]
    request_id = waiting["context"]["meta"]["request_id"]
    answer = api.call("GET", f"/v1/messages/{request_id}/attachments/0")
    assert (answer.status, answer.data) == (200, b"<script>")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "<" not in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"] == "sandbox; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"{request_id}/attachments/1", f"{'0' * 36}/attachments/0"):
        assert problem(api.call("GET", f"/v1/messages/{path}")) == 404


def test_look_inside_a_queue_takes_nothing(api: Api) -> None:
    opened(api)
    received(api, body="Hello")
    before = api.get("/v1/queues")
    for _ in range(2):
        (waiting,) = api.get("/v1/queues/sms-replies/contexts")["items"]
        assert waiting["receive_count"] == 0
    assert api.get("/v1/queues") == before
    (depth,) = (one for one in before["items"] if one["queue"] == "sms-replies")
    assert (depth["ready"], depth["delayed"], depth["in_flight"]) == (0, 1, 0)
    assert problem(api.call("GET", "/v1/queues/fax-replies/contexts")) == 404


def test_unmatched_message_is_delivered_once_its_conversation_is_open(api: Api) -> None:
    received(api, WHATSAPP, body="Who are you?", recipient="+15005550010")
    (unmatched,) = api.get("/v1/unmatched")["items"]
    path = f"/v1/unmatched/{unmatched['request_id']}"
    assert api.get(path) == unmatched
    assert unmatched["body"] == "Who are you?"
    assert api.call("POST", f"{path}/redrive").json()["conversation_id"] is None
    _, record = opened(api, channel="whatsapp", recipient="+15005550010")
    answer = api.call("POST", f"{path}/redrive")
    assert answer.json()["conversation_id"] == record["conversation_id"]
    assert problem(api.call("POST", f"{path}/redrive")) == 404
    assert len(api.get("/v1/queues/whatsapp-replies/contexts")["items"]) == 1


def test_dead_letters_are_shown_redriven_and_deleted(api: Api) -> None:
    opened(api, channel="email", sender="ana@example.com", recipient="help@acme.example")
    for _ in range(2):
        received(
            api, EMAIL, sender="ana@example.com", recipient="help@acme.example",
            spf="fail", dkim="none", body="Trust me",
        )  # fmt: skip
    page = api.get("/v1/dead-letters")
    redriven, deleted = (one["dead_letter_id"] for one in page["items"])
    assert page["items"][0]["senders"] == ["ana@example.com"]
    assert api.get("/v1/dead-letters", kind="bug")["items"] == []

    shown = api.get(f"/v1/dead-letters/{redriven}")
    assert b"Trust me" in b64decode(shown["body_base64"])
    answer = api.call("POST", f"/v1/dead-letters/{redriven}/redrive").json()
    assert answer["outcome"] == "received"
    assert answer["messages"][0]["outcome"] == "recorded"
    assert len(api.get("/v1/queues/email-handoff/contexts")["items"]) == 1

    assert api.call("DELETE", f"/v1/dead-letters/{deleted}").status == 204
    for gone in (redriven, deleted):
        assert problem(api.call("GET", f"/v1/dead-letters/{gone}")) == 404
        assert problem(api.call("DELETE", f"/v1/dead-letters/{gone}")) == 404
        assert problem(api.call("POST", f"/v1/dead-letters/{gone}/redrive")) == 404


def test_refusals_and_checks_are_those_of_the_doctor(api: Api) -> None:
    desk = api.frontdesk
    webhook = desk.webhook(SMS, body="Hello")
    assert (
        desk.client.request(
            "POST", webhook.url, body=webhook.body + b"x", headers=webhook.headers
        ).status
        == 401
    )
    (refusal,) = api.get("/v1/refusals")["items"]
    assert (refusal["channel"], refusal["count"]) == ("sms", 1)
    checks = {one["check"]: one["status"] for one in api.get("/v1/checks")["items"]}
    assert checks["secrets"] == "warning"


def test_every_change_is_logged_with_the_name_of_its_token(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    path, record = opened(api)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        api.get(path)
        api.call("PUT", f"{path}/hand-off", {"hand_off_to_human": "wrong"})
        api.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True})
    (line,) = [one for one in caplog.records if one.msg == "changed over the API"]
    fields = line.__dict__
    assert fields["token_name"] == "local"
    assert fields["action"] == "hand_off"
    assert fields["conversation_id"] == record["conversation_id"]


def test_locked_store_is_a_problem_that_says_when_to_try_again(api: Api) -> None:
    class Locked:
        def get_conversation(self, key: object) -> None:
            raise StorageUnavailableError("the database is locked")

    with api.container.conversation_store.override(Locked()):
        answer = api.call("GET", "/v1/conversations/sms/any")
    assert problem(answer) == 503
    assert answer.headers["retry-after"] == "5"


def test_bug_is_told_to_the_log_alone(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def get_conversation(self, key: object) -> None:
            raise ZeroDivisionError("a secret text")

    with api.container.conversation_store.override(Broken()):
        answer = api.call("GET", "/v1/conversations/sms/any")
    assert problem(answer) == 500
    assert b"secret" not in answer.data
    assert "request of the API met an error" in [one.msg for one in caplog.records]


def test_trace_says_where_a_message_is(api: Api) -> None:
    opened(api)
    received(api, message_id="SM" + "7" * 32)
    by_id = api.get(f"/v1/trace/SM{'7' * 32}")
    (message,) = by_id["messages"]
    assert (message["from"], message["state"]) == (CUSTOMER, "delayed")
    assert message["sentence"] == by_id["sentence"]
    assert message["stations"][0]["kind"] == "received"
    assert api.get("/v1/trace/%2B14155550123")["messages"] == by_id["messages"]
    unknown = api.call("GET", "/v1/trace/none")
    assert problem(unknown) == 404
    assert unknown.json()["refusals"] == []


def test_queue_that_shows_nothing_says_so(api: Api) -> None:
    with api.container.context_queue.override(object()):
        answer = api.call("GET", "/v1/queues/sms-replies/contexts")
    assert problem(answer) == 501
