"""Programs find and steer conversations."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from domain.conversations import Conversation
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api, problem, running_locally
from tests.entrypoints.http.api.steered import CUSTOMER, NEW, opened, received


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data", UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all requests that are refused."""
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


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
def test_wrong_field_of_a_body_is_named(
    unchanged: Api, changes: dict[str, object], field: str
) -> None:
    response = unchanged.call("POST", "/v1/conversations", {**NEW, **changes})
    assert problem(response) == 422
    assert [one["field"] for one in response.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null"])
def test_body_that_is_no_object_is_wrong(unchanged: Api, body: bytes) -> None:
    response = unchanged.frontdesk.client.request(
        "POST",
        f"{unchanged.frontdesk.origin}/v1/conversations",
        body=body,
        headers={**unchanged.headers, "content-type": "application/json"},
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
def test_wrong_parameter_of_a_search_is_named(unchanged: Api, query: str, field: str) -> None:
    response = unchanged.call("GET", f"/v1/conversations?{query}")
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
    assert found(hand_off_to_human="true") == []


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


@pytest.mark.parametrize(
    "conversation_id", ["a/webhooks/sms", "sms", "é", "a b", "..", "%2F", "a\nb"]
)
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
