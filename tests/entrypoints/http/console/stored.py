"""Dead letters of a front desk, with secrets and hostile texts in them."""

from datetime import timedelta

from application.clock import utc_now
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api
from tests.entrypoints.http.api.steered import received
from tests.entrypoints.http.console.browsing import HOSTILE

FORM = "application/x-www-form-urlencoded"
SECRETS = (
    "c2lnbmF0dXJlLW9mLXR3aWxpbw==",
    "c2lnbmF0dXJlLW9mLXNlbmRncmlk",
    "1764390000",
    "dXNlcjpwYXNz",
    "hunter2",
    "sesame-1",
    "sesame-2",
)


def stored(
    api: Api,
    body: bytes = b"",
    content_type: str = FORM,
    number: int = 1,
    *,
    reason: str = "the form has no From",
    kind: DeadLetterKind = DeadLetterKind.UNREADABLE,
) -> str:
    """The id of a dead letter that an account has signed."""
    request = WebhookRequest(
        "POST",
        "https://user:hunter2@desk.example/webhooks/sms?token=sesame-1&lang=en",
        (
            ("content-type", content_type),
            ("x-twilio-signature", SECRETS[0]),
            ("x-twilio-email-event-webhook-signature", SECRETS[1]),
            ("x-twilio-email-event-webhook-timestamp", SECRETS[2]),
            ("proxy-authorization", f"Basic {SECRETS[3]}"),
            ("x-odd", f"Basic {SECRETS[3]}"),
            ("user-agent", HOSTILE),
        ),
        body,
        utc_now(),
    )
    account = api.frontdesk.providers.account_sid
    webhook = VerifiedWebhook.signed(
        SMS, account, request, f"{number} {content_type}".encode() + body
    )
    found = DeadLetter(
        f"{kind}-{webhook.id}", kind, reason, 1, utc_now() + timedelta(seconds=number), webhook
    )
    api.container.dead_letters().store(found)
    return found.dead_letter_id


def given_mail(api: Api, sender: str = "ana@example.com", **wanted: object) -> str:
    received(
        api,
        EMAIL,
        sender=sender,
        recipient="help@example.com",
        spf="fail",
        dkim="none",
        **wanted,
    )
    return api.frontdesk.dead_letters()[-1].dead_letter_id
