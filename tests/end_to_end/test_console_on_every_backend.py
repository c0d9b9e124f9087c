"""Pages of the console work wherever things are kept."""

from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import AWS, on_aws_too
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, given_token
from tests.entrypoints.http.console.browsing import shown, visit

CUSTOMER = "ana@example.com"
DESK = "help@acme.example"


@on_aws_too
def test_operator_delivers_what_waits(serve: Serve, backend: str) -> None:
    token = given_token("operator")
    desk = serve({"API_TOKENS": token.line, "UNAUTHENTICATED_MAIL": "dead-letter"})
    visitor = visit(Api(desk).with_token(token.text))
    for proof in ({}, {"spf": "fail", "dkim": "none"}):
        webhook = desk.webhook(EMAIL, sender=CUSTOMER, recipient=DESK, body="Hello", **proof)
        assert desk.post(webhook).status == 200

    (unmatched,) = visitor.api.get("/v1/unmatched")["items"]
    assert CUSTOMER in visitor.text("/unmatched")
    opened = shown(visitor.post(f"/unmatched/{unmatched['request_id']}/open"))
    assert "A conversation is open now. 1 message is delivered." in opened

    (dead_letter,) = desk.dead_letters()
    assert "As 1 message" in visitor.text(f"/dead-letters/{dead_letter.dead_letter_id}")
    redriven = shown(visitor.post(f"/dead-letters/{dead_letter.dead_letter_id}/redrive"))
    assert "The message is on email-handoff" in redriven
    assert "There are no dead letters." in visitor.text("/dead-letters")

    assert "email-handoff" in visitor.text("/queues")
    inside = visitor.text("/queues/email-handoff")
    assert ("SQS shows a context to its consumer alone." if backend == AWS else CUSTOMER) in inside
    assert "Checks" in visitor.text("/checks")
    assert "Refusals" in visitor.text("/refusals")
