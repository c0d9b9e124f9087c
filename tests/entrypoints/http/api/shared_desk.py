"""One front desk for two companies, with something of both in every place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any

from domain.conversations import Conversation
from tests.end_to_end.companies import ACME, BRILL, COMPANIES, Company, given_conversation_with
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, given_token, running

UNKNOWN = "+14155550199"
CUSTOMER = "ana@example.com"


@dataclass(frozen=True)
class Things:
    """The ids of what belongs to one company."""

    company: Company
    api: Api
    conversation: Conversation
    request_id: str
    unmatched: str
    dead_letter: str

    @property
    def filled(self) -> dict[str, str]:
        """What stands for the parameters of a path."""
        return {
            "channel": self.conversation.primary_channel,
            "conversation_id": self.conversation.conversation_id,
            "dead_letter_id": self.dead_letter,
            "index": "0",
            "queue": "email-replies",
        }


@contextmanager
def shared_desk(directory: Path) -> Iterator[tuple[Api, Things, Things]]:
    """A client that may see everything, and what belongs to each company."""
    file = directory / "tenants.json"
    file.write_text(dumps({"tenants": [company.entry() for company in COMPANIES]}))
    tokens = {one.name: given_token(one.name, companies=[one.name]) for one in COMPANIES}
    everything = given_token("everything")
    environ = {
        "DATA_DIR": str(directory / "data"),
        "TENANTS": f"file:{file}",
        "FALLBACK_MAX_PER_HOUR": "0",
        "UNAUTHENTICATED_MAIL": "dead-letter",
        "API_TOKENS": "\n".join(one.line for one in (everything, *tokens.values())),
    }
    with running(environ) as api:
        whole = api.with_token(everything.text)
        acme, brill = (
            _things(whole, api.with_token(tokens[company.name].text), company)
            for company in (ACME, BRILL)
        )
        yield whole, acme, brill


def _things(whole: Api, own: Api, company: Company) -> Things:
    desk = whole.frontdesk
    conversation = given_conversation_with(desk, company, EMAIL, sender_id=CUSTOMER)
    text = f"Secret of {company.name}"
    attachments: list[Any] = [(f"{company.name}.pdf", "application/pdf", b"%PDF-secret")]
    for channel, wanted in (
        (EMAIL, {"sender": CUSTOMER, "attachments": attachments}),
        (SMS, {"sender": UNKNOWN}),
        (EMAIL, {"sender": CUSTOMER, "spf": "fail", "dkim": "none"}),
    ):
        webhook = company.signed_webhook(desk, channel, body=text, **wanted)
        assert desk.post(webhook).status == 200
    unmatched = {one["company_id"]: one for one in whole.get("/v1/unmatched")["items"]}
    dead_letters = {one["company_id"]: one for one in whole.get("/v1/dead-letters")["items"]}
    history = own.get(f"/v1/conversations/email/{conversation.conversation_id}/messages")
    return Things(
        company,
        own,
        conversation,
        request_id=history["items"][0]["request_id"],
        unmatched=unmatched[company.name]["request_id"],
        dead_letter=dead_letters[company.name]["dead_letter_id"],
    )
