"""The API works wherever it is kept, and on AWS lets nobody in without configured tokens."""

import pytest

from infrastructure.configuration.api_access import keep_local_token
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import AWS, on_aws_too
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, given_token, problem

CUSTOMER = "ana@example.com"
DESK = "help@acme.example"


@on_aws_too
def test_program_follows_a_customer_through_the_api(serve: Serve, backend: str) -> None:
    token = given_token("inbox")
    desk = serve({"API_TOKENS": token.line})
    api = Api(desk).with_token(token.text)

    def mail(**wanted: object) -> None:
        file = ("order.txt", "text/plain", b"42")
        webhook = desk.webhook(EMAIL, sender=CUSTOMER, recipient=DESK, attachments=[file], **wanted)
        assert desk.post(webhook).status == 200

    mail(body="First")
    (unmatched,) = api.get("/v1/unmatched")["items"]
    wanted = {"channel": "email", "sender": CUSTOMER, "recipient": DESK}
    opened = api.call("POST", "/v1/conversations", wanted)
    assert opened.status == 201
    path = f"/v1/conversations/email/{opened.json()['conversation_id']}"
    redriven = api.call("POST", f"/v1/unmatched/{unmatched['request_id']}/redrive").json()
    assert redriven["conversation_id"] == opened.json()["conversation_id"]

    answer = api.call("GET", path)
    seen = {"if-match": answer.headers["etag"]}
    on = {"hand_off_to_human": True}
    assert api.call("PUT", f"{path}/hand-off", on, seen).status == 200
    assert problem(api.call("PUT", f"{path}/hand-off", on, seen)) == 412
    mail(body="Second")
    history = api.get(f"{path}/messages")["items"]
    assert [one["message"]["content"].strip() for one in history] == ["Second", "First"]
    assert [
        one["sender_id"] for one in api.get("/v1/conversations", address=CUSTOMER)["items"]
    ] == [CUSTOMER]
    file = api.call("GET", f"/v1/messages/{history[0]['request_id']}/attachments/0")
    assert file.data == b"42"
    assert api.get(f"/v1/trace/{CUSTOMER}")["messages"][0]["state"] in {"ready", "queued"}
    look = api.call("GET", "/v1/queues/email-handoff/contexts")
    assert look.status == (501 if backend == AWS else 200)
    depths = {one["queue"]: one["ready"] for one in api.get("/v1/queues")["items"]}
    assert depths["email-handoff"] == 1
    checks = {one["check"]: one["status"] for one in api.get("/v1/checks")["items"]}
    assert checks["access tokens"] == "ok"


@pytest.mark.parametrize("backend", [AWS], indirect=True)
def test_aws_backends_without_tokens_let_nobody_in(serve: Serve, backend: str) -> None:
    desk = serve()
    forged = keep_local_token(desk.data_dir)
    for client in (Api(desk), Api(desk).with_token(forged)):
        for path in ("/v1/session", "/v1/conversations", "/metrics"):
            assert problem(client.call("GET", path)) == 401
        assert client.post_form("/sign-in", {"token": forged}).status == 403
