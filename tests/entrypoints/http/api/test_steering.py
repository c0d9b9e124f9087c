"""Programs see and steer what Frontdesk keeps."""

import logging
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.errors import StorageUnavailableError
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api, problem, running_locally

CUSTOMER = "+14155550123"
NEW = {"channel": "sms", "sender": CUSTOMER, "recipient": "+15005550006"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data", UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


def opened(api: Api, **changes: object) -> tuple[str, dict[str, Any]]:
    """The path and the record of a new conversation."""
    response = api.call("POST", "/v1/conversations", {**NEW, **changes})
    assert response.status == 201
    record = response.json()
    path = f"/v1/conversations/{record['primary_channel']}/{record['conversation_id']}"
    assert api.get(path) == record
    return path, record


def received(api: Api, channel: ChannelType = SMS, **wanted: Any) -> None:
    desk = api.frontdesk
    wanted = {"sender": CUSTOMER, "recipient": "+15005550006", **wanted}
    assert desk.post(desk.webhook(channel, **wanted)).status == 200


def test_conversation_is_opened_once(api: Api) -> None:
    _, record = opened(api, company_name="Acme")
    again = api.call("POST", "/v1/conversations", {**NEW, "company_name": "Another"})
    assert again.status == 200
    assert again.json() == record
    assert record["company_name"] == "Acme"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channel": "fax"}, "body.channel"),
        ({"sender": "@"}, "body.sender"),
        ({"sender": ""}, "body.sender"),
        ({"recipient": "ana"}, "body.recipient"),
        ({"hand_off_to_human": "yes"}, "body.hand_off_to_human"),
        ({"conversation_id": "mine"}, "body.conversation_id"),
        ({"company_name": "x" * 1001}, "body.company_name"),
        ({"thread_id": "\ud800"}, "body.thread_id"),
    ],
)
def test_wrong_field_of_a_body_is_named(api: Api, changes: dict[str, object], field: str) -> None:
    response = api.call("POST", "/v1/conversations", {**NEW, **changes})
    assert problem(response) == 422
    assert [one["field"] for one in response.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null"])
def test_body_that_is_no_object_is_wrong(api: Api, body: bytes) -> None:
    response = api.frontdesk.client.request(
        "POST",
        f"{api.frontdesk.origin}/v1/conversations",
        body=body,
        headers={**api.headers, "content-type": "application/json"},
    )
    assert problem(response) == 422
    assert response.json()["errors"][0]["field"].startswith("body")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=many", "query.limit"),
        ("channel=fax", "query.channel"),
        ("after=x", "query.after"),
        ("after=%00", "query.after"),
        ("address=%20", "query.address"),
    ],
)
def test_wrong_parameter_of_a_search_is_named(api: Api, query: str, field: str) -> None:
    response = api.call("GET", f"/v1/conversations?{query}")
    assert problem(response) == 422
    assert [one["field"] for one in response.json()["errors"]] == [field]


def test_conversations_are_found_by_what_a_caller_knows(api: Api) -> None:
    opened(api, company_id="acme")
    opened(api, channel="email", sender="ana@example.com", recipient="help@acme.example")

    def found(**wanted: str) -> list[str]:
        return [one["primary_channel"] for one in api.get("/v1/conversations", **wanted)["items"]]

    assert sorted(found()) == ["email", "sms"]
    assert found(channel="email") == ["email"]
    assert found(address="+14155550123") == ["sms"]
    assert found(company_id="acme") == ["sms"]
    assert found(status="closed") == []


def test_pages_lead_through_all_conversations(api: Api) -> None:
    for number in range(5):
        opened(api, sender=f"+1415555010{number}")
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = api.get("/v1/conversations", limit=2, **after)
        seen += [one["sender_id"] for one in page["items"]]
        if page["cursor"] is None:
            break
        after = {"after": page["cursor"]}
    assert sorted(seen) == [f"+1415555010{number}" for number in range(5)]


def test_human_who_takes_over_gets_the_next_message(api: Api) -> None:
    path, _ = opened(api)
    for _ in range(2):  # it may be repeated
        answer = api.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True})
        assert answer.json()["hand_off_to_human"] is True
    received(api, body="A person, please")
    (waiting,) = api.get("/v1/queues/sms-handoff/contexts")["items"]
    assert waiting["context"]["message"]["body"] == "A person, please"


def test_closed_conversation_gets_no_message(api: Api) -> None:
    path, record = opened(api)
    answer = api.call("PUT", f"{path}/status", {"conversation_status": "closed"})
    assert answer.json() == {
        **record,
        "conversation_status": "closed",
        "etag": answer.json()["etag"],
    }
    received(api)
    assert len(api.get("/v1/unmatched")["items"]) == 1
    wrong = api.call("PUT", f"{path}/status", {"conversation_status": "asleep"})
    assert wrong.json()["errors"][0]["field"] == "body.conversation_status"


def test_stale_change_is_refused_with_the_present_state(api: Api) -> None:
    path, _ = opened(api)
    seen = api.call("GET", path).headers["etag"]
    on = {"hand_off_to_human": True}
    assert api.call("PUT", f"{path}/hand-off", on, {"if-match": seen}).status == 200

    for stale in (seen, '"another"', f"W/{seen}"):
        answer = api.call(
            "PUT", f"{path}/status", {"conversation_status": "closed"}, {"if-match": stale}
        )
        assert problem(answer) == 412
        present = api.get(path)
        assert answer.json()["current"] == present
        assert answer.headers["etag"] == f'"{present["etag"]}"'
        assert present["conversation_status"] == "active"
    for any_state in ("*", answer.headers["etag"]):
        again = api.call("PUT", f"{path}/hand-off", on, {"if-match": any_state})
        assert again.status == 200
    assert problem(api.call("PUT", f"{path}/hand-off", on, {"if-match": "none"})) == 422


def test_message_that_comes_meanwhile_makes_no_change_stale(api: Api) -> None:
    """A human who takes over does not lose to a customer who keeps writing."""
    path, _ = opened(api, hand_off_to_human=False)
    api.call("PUT", f"{path}/status", {"conversation_status": "user_reply_received"})
    seen = api.call("GET", path).headers["etag"]
    received(api)
    answer = api.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True}, {"if-match": seen})
    assert answer.status == 200


def test_messages_say_how_far_they_have_come(api: Api) -> None:
    path, _ = opened(api)
    for number in range(3):
        received(api, body=f"Number {number}")
    first = api.get(f"{path}/messages", limit=2)
    rest = api.get(f"{path}/messages", limit=2, after=first["cursor"])
    shown = [*first["items"], *rest["items"]]
    assert [one["message"]["content"] for one in shown] == ["Number 2", "Number 1", "Number 0"]
    assert {one["state"] for one in shown} == {"queued"}
    assert all(one["request_id"] and one["queued_at"] for one in shown)


@pytest.mark.parametrize("conversation_id", ["a/webhooks/sms", "sms", "é", "a b", "..", "%2F"])
def test_ids_of_other_systems_stand_escaped_in_the_path(api: Api, conversation_id: str) -> None:
    api.container.conversation_store().open_conversation(
        Conversation(conversation_id, SMS, CUSTOMER)
    )
    # Clients take dots for a relative path, but not escaped ones.
    escaped = quote(conversation_id, safe="").replace(".", "%2E")
    path = f"/v1/conversations/sms/{escaped}"
    if conversation_id != "..":
        assert api.get(path)["conversation_id"] == conversation_id
    assert api.get("/v1/conversations")["items"][0]["conversation_id"] == conversation_id


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
    assert answer.headers["content-security-policy"] == "sandbox"
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
