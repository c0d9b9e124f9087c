"""A token of one company finds nothing of another one, whatever it asks for."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from application.clock import utc_now
from application.ports.pages import PAGE_SIZE
from application.tracing.find_recorded import LATEST
from domain.channels import ChannelType
from entrypoints.http.api.application import create_api
from tests.contracts.spool import REQUEST, an_entry
from tests.end_to_end.companies import ACME, BRILL, given_conversation_with
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, given_token, problem, running
from tests.entrypoints.http.api.shared_desk import CUSTOMER, UNKNOWN, Things, shared_desk
from tests.entrypoints.http.api.steered import NEW, received

OPERATIONS = [
    (method.upper(), path)
    for path, operations in sorted(create_api(None).openapi()["paths"].items())
    for method in operations
]
OF_NO_COMPANY = {"/v1/queues", "/v1/refusals", "/v1/checks"}
LISTS = {
    "/v1/conversations": "conversation_id",
    "/v1/unmatched": "request_id",
    "/v1/dead-letters": "dead_letter_id",
    "/v1/queues/{queue}/contexts": "context",
}
BODIES = {
    "/v1/conversations/{channel}/{conversation_id}/hand-off": {"hand_off_to_human": True},
    "/v1/conversations/{channel}/{conversation_id}/status": {"conversation_status": "closed"},
}

OF_ONE_THING = [one for one in OPERATIONS if "{" in one[1] and one[1] not in LISTS]
Desk = tuple[Api, Things, Things]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with shared_desk(tmp_path_factory.mktemp("shared")) as desk:
        yield desk


def path_of(path: str, things: Things, *, is_known: bool = True) -> str:
    """``path`` with the ids of ``things``, or with some that nothing has."""
    is_unmatched = path.startswith("/v1/unmatched")
    request_id = things.unmatched if is_unmatched else things.request_id
    ids = {**things.filled, "request_id": request_id}
    if not is_known:
        ids |= dict.fromkeys(ids.keys() - {"channel", "index", "queue"}, "of-nothing")
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path
    return path


@pytest.mark.parametrize(("method", "path"), OF_ONE_THING)
def test_what_belongs_to_another_company_does_not_exist(desk: Desk, method: str, path: str) -> None:
    """Its own company may, so that the answer is about whose it is; deleting comes last."""
    _, acme, brill = desk
    answers = []
    for caller in (acme, brill):
        if caller is acme or method == "GET" or path in BODIES:
            answers.append(caller.api.call(method, path_of(path, brill), BODIES.get(path)))
    foreign, *own = answers
    assert problem(foreign) == 404
    assert b"brill" not in foreign.data
    unknown = acme.api.call(method, path_of(path, brill, is_known=False), BODIES.get(path))
    assert foreign.data == unknown.data
    assert [answer.status for answer in own] in ([], [200])


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_what_is_ones_own(desk: Desk, path: str) -> None:
    whole, acme, brill = desk
    filled = path_of(path, brill)
    assert len(whole.get(filled)["items"]) == 2
    assert len(acme.api.get(filled)["items"]) == 1
    shown = acme.api.call("GET", filled).data
    assert b"brill" not in shown
    assert b"acme" in shown


def test_every_list_and_every_path_without_a_company_is_tried() -> None:
    others = {path for _, path in OPERATIONS} - {path for _, path in OF_ONE_THING}
    assert others == {*LISTS, *OF_NO_COMPANY, "/v1/session"}


@pytest.mark.parametrize("path", sorted(OF_NO_COMPANY))
def test_what_belongs_to_no_one_company_is_forbidden(desk: Desk, path: str) -> None:
    whole, acme, _ = desk
    assert problem(acme.api.call("GET", path)) == 403
    assert whole.call("GET", path).status == 200


@pytest.mark.parametrize(
    "parameters", [{"company_id": "brill"}, {"address": CUSTOMER, "company_id": "brill"}]
)
def test_search_for_another_company_finds_nothing(desk: Desk, parameters: dict[str, str]) -> None:
    _, acme, brill = desk
    assert acme.api.get("/v1/conversations", **parameters) == {"items": [], "cursor": None}
    assert len(brill.api.get("/v1/conversations", **parameters)["items"]) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"recipient": BRILL.mailbox},
        {"recipient": BRILL.mailbox, "company_id": "acme"},
        {"recipient": "help@nobody.example"},
        {},
        {"company_id": "brill"},
    ],
)
def test_nobody_opens_a_conversation_of_another_company(desk: Desk, more: dict[str, str]) -> None:
    _, acme, _ = desk
    wanted = {"channel": "email", "sender": "new@example.com", **more}
    answer = acme.api.call("POST", "/v1/conversations", wanted)
    assert problem(answer) == 422
    assert answer.json()["errors"] == [
        {"field": "body.recipient", "detail": "no recipient of your companies"}
    ]


def test_nobody_says_of_a_recipient_that_it_is_their_companys(tmp_path: Path) -> None:
    """Without a directory of companies, what customers write belongs to none of them."""
    token = given_token("acme", companies=["acme"])
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": token.line}) as api:
        acme = api.with_token(token.text)
        answer = acme.call("POST", "/v1/conversations", {**NEW, "company_id": "acme"})
        assert problem(answer) == 422
        received(api)
        assert acme.get("/v1/conversations")["items"] == []


@pytest.mark.parametrize(
    "reference", [BRILL.credentials_reference, BRILL.providers.account_sid, "of-nobody"]
)
def test_nobody_makes_consumers_answer_with_another_companys_credentials(
    desk: Desk, reference: str
) -> None:
    whole, acme, _ = desk
    wanted = {"channel": "email", "sender": f"{reference}@x.example", "recipient": ACME.mailbox}
    answer = acme.api.call(
        "POST", "/v1/conversations", {**wanted, "credentials_reference": reference}
    )
    assert problem(answer) == 422
    assert answer.json()["errors"][0]["field"] == "body.credentials_reference"
    assert not whole.get("/v1/conversations", address=wanted["sender"])["items"]


@pytest.mark.parametrize("reference", [None, ACME.credentials_reference])
def test_a_company_opens_a_conversation_with_its_own_credentials(
    desk: Desk, reference: str | None
) -> None:
    _, acme, _ = desk
    wanted = {"channel": "email", "sender": f"{reference}@x.example", "recipient": ACME.mailbox}
    answer = acme.api.call(
        "POST", "/v1/conversations", {**wanted, "credentials_reference": reference}
    )
    assert answer.status == 201
    assert answer.json()["credentials_reference"] == ACME.credentials_reference


def test_cursor_of_another_token_opens_nothing(desk: Desk) -> None:
    whole, acme, _ = desk
    for path in ("/v1/conversations", "/v1/unmatched", "/v1/dead-letters"):
        cursor = whole.get(path, limit=1)["cursor"]
        assert cursor is not None
        shown = acme.api.call("GET", f"{path}?after={cursor}").data
        assert b"brill" not in shown


def test_trace_tells_nothing_of_another_company(desk: Desk) -> None:
    _, acme, brill = desk
    for subject in (brill.unmatched, brill.dead_letter, brill.conversation.conversation_id):
        path = f"/v1/trace/{subject}"
        assert brill.api.get(path)["messages"][0]["company_id"] == "brill"
        foreign, unknown = acme.api.call("GET", path), acme.api.call("GET", "/v1/trace/unknown")
        assert problem(foreign) == 404
        assert foreign.data == unknown.data


def test_trace_of_a_conversation_without_messages_tells_no_company_of_refusals(
    desk: Desk,
) -> None:
    whole, acme, _ = desk
    wanted = {"channel": "email", "sender": "new@example.com", "recipient": ACME.mailbox}
    acme.api.call("POST", "/v1/conversations", wanted)
    whole.container.refusals().add(ChannelType.EMAIL, "", "too_large", "")
    assert "It was probably refused" in whole.get("/v1/trace/new@example.com")["sentence"]
    shown = acme.api.get("/v1/trace/new@example.com")
    assert shown["sentence"] == "No message from new@example.com is recorded."
    assert shown["refusals"] == []


def test_trace_of_a_customer_of_both_companies_shows_each_its_own(desk: Desk) -> None:
    whole, acme, _ = desk
    path = f"/v1/trace/{CUSTOMER}"
    companies = {one["company_id"] for one in whole.get(path)["messages"]}
    assert companies == {"acme", "brill"}
    shown = acme.api.call("GET", path)
    assert {one["company_id"] for one in shown.json()["messages"]} == {"acme"}
    assert b"brill" not in shown.data


def test_trace_of_an_unmatched_message_names_no_conversation_elsewhere(desk: Desk) -> None:
    whole, acme, _ = desk
    given_conversation_with(whole.frontdesk, BRILL, SMS, sender_id=UNKNOWN, company_id=None)
    shown = acme.api.call("GET", f"/v1/trace/{acme.unmatched}")
    assert shown.json()["messages"][0]["state"] == "unmatched"
    assert b"brill" not in shown.data
    assert BRILL.number.encode() not in shown.data


def test_trace_tells_no_company_about_the_disk_of_the_server(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, _):
        webhook = ACME.signed_webhook(whole.frontdesk, SMS, message_id="SM" + "5" * 32)
        request = replace(REQUEST, headers=(), body=webhook.body)
        account = ACME.providers.account_sid
        entry = an_entry(request=request, account=account, reason="'lsof /srv/frontdesk.db'")
        whole.container.spool().enqueue(entry)
        path = f"/v1/trace/SM{'5' * 32}"
        assert b"/srv/" in whole.call("GET", path).data
        shown = acme.api.call("GET", path)
        assert shown.json()["messages"][0]["state"] == "spooled"
        assert b"/srv/" not in shown.data


def test_messages_to_another_company_crowd_none_out_of_a_trace(tmp_path: Path) -> None:
    """Otherwise it would show that the customer writes to others too."""
    with shared_desk(tmp_path) as (whole, acme, _):
        before = acme.api.get(f"/v1/trace/{CUSTOMER}")["messages"]
        for number in range(LATEST):
            webhook = BRILL.signed_webhook(
                whole.frontdesk, EMAIL, sender=CUSTOMER, body=f"{number}"
            )
            assert whole.frontdesk.post(webhook).status == 200
        after = acme.api.get(f"/v1/trace/{CUSTOMER}")["messages"]
        assert [one["request_id"] for one in after] == [one["request_id"] for one in before]


def test_cursor_names_nothing_of_another_company(tmp_path: Path) -> None:
    """A page of a company's own ends where the look at the list ended."""
    with shared_desk(tmp_path) as (whole, acme, _):
        for number in range(PAGE_SIZE + 2):
            whole.frontdesk.given_conversation(
                EMAIL, conversation_id=f"brill-{number}", company_id="brill"
            )
        given_conversation_with(whole.frontdesk, ACME, SMS, last_activity_at=utc_now())
        first = acme.api.get("/v1/conversations", limit=2)
        assert [one["company_id"] for one in first["items"]] == ["acme", "acme"]
        assert b"brill" not in urlsafe_b64decode(first["cursor"] + "===")
        rest = acme.api.get("/v1/conversations", after=first["cursor"])
        assert rest == {"items": [], "cursor": None}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "é", "WyJ1bm1hdGNoZWQiXQ"])
def test_cursor_that_was_never_given_is_refused(desk: Desk, path: str, cursor: str) -> None:
    _, acme, brill = desk
    answer = acme.api.call("GET", f"{path_of(path, brill)}?{urlencode({'after': cursor})}")
    assert problem(answer) == 422
    assert answer.json()["errors"][0]["field"] == "query.after"
