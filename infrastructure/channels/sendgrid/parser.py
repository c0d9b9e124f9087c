"""SendGrid's Inbound Parse webhook."""

from collections.abc import Callable
from datetime import timedelta

from application.clock import Clock
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookRequest,
    WebhookResponse,
)
from domain.addresses import Address, ChannelType
from domain.errors import InvalidAddressError, UnreadableMessageError
from domain.messages import InboundMessage, Recipient
from infrastructure.channels.sendgrid.author_alignment import is_author_authenticated
from infrastructure.channels.sendgrid.files import attached_file
from infrastructure.channels.sendgrid.header_text import mailboxes
from infrastructure.channels.sendgrid.html_text import text_of_html
from infrastructure.channels.sendgrid.mail import (
    MAX_RECIPIENTS,
    FormText,
    MailFile,
    ParsedMail,
)
from infrastructure.channels.sendgrid.mail_metadata import mail_metadata, notable_headers
from infrastructure.channels.sendgrid.multipart_form import Form, read_form
from infrastructure.channels.sendgrid.parsed_mode import read_parsed_mail
from infrastructure.channels.sendgrid.raw_mode import raw_message_of, read_raw_mail
from infrastructure.channels.sendgrid.replies import new_text
from infrastructure.channels.sendgrid.verification import DEFAULT_TOLERANCE, SendgridVerifier
from infrastructure.configuration.secrets.accounts import SendgridAccount

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_FILES = 100
"""Each is a write to the store, one after the other, and a webhook has eight seconds in all."""

MAX_FILE_COPIES = 200
"""For the same reason: of all files of a mail, as each recipient's message has its own."""

MAX_FILE_COPIES_BYTES = 64 * 1024 * 1024
"""What one mail may make us store, however many of us it is to."""

_MAX_RECIPIENT_TEXT = 400
"""The longest address with room for brackets and blanks around it."""

_ANSWER = WebhookResponse(200, b'{"success": true}', "application/json")


class SendgridWebhookParser(WebhookParser):
    """Reads mail that SendGrid posts, in parsed or in raw mode."""

    max_body_bytes = MAX_BODY_BYTES

    def __init__(
        self,
        accounts: Callable[[], tuple[SendgridAccount, ...]],
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
        raw = raw_message_of(form)
        mail = read_parsed_mail(form) if raw is None else read_raw_mail(form, raw)
        draft = _MessageDraft(mail, webhook)
        # Without an envelope nobody says that the mail was meant for us.
        ours = _readable(mail.relay.envelope.recipients)
        recipients = ours or _named_recipients(mail, form)
        draft.check_copies(len(recipients))
        return tuple(draft.message_to(one, addressed_to_us=bool(ours)) for one in recipients)

    def respond(self) -> WebhookResponse:
        """SendGrid only reads the status; the customer asked for this body."""
        return _ANSWER


class _MessageDraft:
    """Everything about a message that is the same for each of its recipients."""

    def __init__(self, mail: ParsedMail, webhook: VerifiedWebhook) -> None:
        self._mail, self._webhook = mail, webhook
        self._sender = _sender(mail)
        self._body = _body(mail)
        files = (*mail.files, *_html_file(mail))
        if len(files) > MAX_FILES:
            raise UnreadableMessageError("the mail has too many files")
        self._files = tuple(attached_file(file) for file in files)
        self._authenticated = is_author_authenticated(mail.authors, mail.relay)
        self._metadata = self._all_metadata()

    def check_copies(self, count: int) -> None:
        """Each recipient's message has the text and the files for itself."""
        if count > MAX_RECIPIENTS:
            raise UnreadableMessageError("the mail has too many recipients")
        if count * len(self._body) > MAX_BODY_BYTES:
            raise UnreadableMessageError("the text is too long for so many recipients")
        if count * len(self._files) > MAX_FILE_COPIES:
            raise UnreadableMessageError("the mail has too many files for so many recipients")
        if count * sum(len(file.content) for file in self._files) > MAX_FILE_COPIES_BYTES:
            raise UnreadableMessageError("the files are too large for so many recipients")

    def message_to(self, recipient: Recipient, *, addressed_to_us: bool) -> ParsedMessage:
        mail = self._mail
        message = InboundMessage(
            channel=ChannelType.EMAIL,
            account=self._webhook.account,
            provider_message_id=mail.message_id or f"sha256:{mail.content_hash}",
            sender=self._sender,
            sender_verbatim=mail.authors[0].address,
            identities=(self._sender,),
            recipient=recipient,
            body=self._body,
            received_at=self._webhook.request.received_at,
            subject=mail.subject,
            metadata=self._metadata,
            thread_references=mail.thread_references,
            author_authenticated=self._authenticated,
            mail=notable_headers(mail, addressed_to_us=addressed_to_us),
        )
        return ParsedMessage(message, self._files)

    def _all_metadata(self) -> dict[str, object]:
        html_available = self._mail.html is not None
        metadata = mail_metadata(self._mail) | {
            "author_authenticated": self._authenticated,
            "html_available": html_available,
        }
        if html_available:
            metadata["html_attachment_index"] = len(self._files) - 1
        reply = new_text(self._body)
        if reply != self._body:
            metadata["reply_text"] = reply
        return metadata


def _sender(mail: ParsedMail) -> Address:
    if not mail.authors:
        raise UnreadableMessageError("the mail names no author")
    try:
        return Address.parse(ChannelType.EMAIL, mail.authors[0].address)
    except InvalidAddressError as error:
        raise UnreadableMessageError("the author's address is not one") from error


def _body(mail: ParsedMail) -> str:
    text = mail.text or ""
    if (not text or text.isspace()) and mail.html is not None:
        text = text_of_html(mail.html)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _html_file(mail: ParsedMail) -> tuple[MailFile, ...]:
    """The HTML is kept whole, as the last file: UTF-8, whatever charset it came in."""
    if mail.html is None:
        return ()
    return (MailFile(None, "text/html", mail.html.encode(), inline=True),)


def _named_recipients(mail: ParsedMail, form: Form) -> tuple[Recipient, ...]:
    """Whomever the mail itself, or the form's own field, says that it is to."""
    in_mail = mailboxes(mail.headers.get("to", ()))
    named = in_mail or mailboxes(filter(None, [FormText(form).get("to")]))
    recipients = _readable(tuple(box.address for box in named))
    if not recipients:
        raise UnreadableMessageError("the mail names no recipient")
    return recipients


def _readable(texts: tuple[str, ...]) -> tuple[Recipient, ...]:
    found: dict[str, Recipient] = {}
    for text in texts:
        if len(text) > _MAX_RECIPIENT_TEXT:
            continue
        try:
            address = Address.parse(ChannelType.EMAIL, text.strip().strip("<>"))
        except InvalidAddressError:
            continue
        keys = (address.value, address.domain)
        found.setdefault(address.value, Recipient(text, address.value, keys))
    return tuple(found.values())
