"""SendGrid's Inbound Parse webhook."""

from datetime import timedelta

from application.clock import Clock
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookRequest,
    WebhookResponse,
)
from domain.channels import ChannelType
from domain.errors import UnreadableMessageError
from domain.messages import Recipient
from infrastructure.channels.provider import Accounts
from infrastructure.channels.sendgrid.form_fields import FormText
from infrastructure.channels.sendgrid.form_mail import read_mail
from infrastructure.channels.sendgrid.multipart_form import Form, read_form
from infrastructure.channels.sendgrid.verification import DEFAULT_TOLERANCE, SendgridVerifier
from infrastructure.mail.header_text import mailboxes
from infrastructure.mail.mail_messages import MessageDraft, readable_recipients
from infrastructure.mail.parsed_mail import ParsedMail

MAX_BODY_BYTES = 32 * 1024 * 1024

_ANSWER = WebhookResponse(200, b'{"success": true}', "application/json")


class SendgridWebhookParser(WebhookParser):
    """Reads mail that SendGrid posts, in parsed or in raw mode."""

    max_body_bytes = MAX_BODY_BYTES

    def __init__(
        self,
        accounts: Accounts,
        clock: Clock,
        tolerance: timedelta = DEFAULT_TOLERANCE,
    ) -> None:
        """Takes mail of ``accounts``, signed at most ``tolerance`` from now."""
        self._verify = SendgridVerifier(accounts, clock, tolerance)

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        """``request`` with the name of the account that sent it; see ``SendgridVerifier``."""
        account = self._verify(request)
        # SendGrid repeats the body byte for byte, whenever it signs it anew.
        return VerifiedWebhook.signed(ChannelType.EMAIL, account, request, request.body)

    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        """One message for each recipient on our side; see ``WebhookParser.parse``.

        Too many form fields are an ``UnreadableMessageError`` as well, never a refusal:
        SendGrid drops what is refused, and the mail would be lost.
        """
        form = read_form(webhook.request.body)
        mail = read_mail(form)
        # Only the envelope tells that the mail was meant for us.
        ours = readable_recipients(mail.relay.envelope.recipients)
        recipients = ours or _named_recipients(mail, form)
        draft = MessageDraft(mail, webhook.account, webhook.request.received_at, len(recipients))
        return tuple(draft.message_to(one, addressed_to_us=bool(ours)) for one in recipients)

    def respond(self) -> WebhookResponse:
        """SendGrid only reads the status; the customer asked for this body."""
        return _ANSWER


def _named_recipients(mail: ParsedMail, form: Form) -> tuple[Recipient, ...]:
    """The recipients that the mail itself, or else the form's own field, names."""
    in_mail = mailboxes(mail.headers.get("to", ()))
    named = in_mail or mailboxes(filter(None, [FormText(form).get("to")]))
    recipients = readable_recipients(tuple(box.address for box in named))
    if not recipients:
        raise UnreadableMessageError("the mail names no recipient")
    return recipients
