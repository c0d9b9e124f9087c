"""Mail as messages: one for each recipient, with limits on what one mail can make of itself."""

from datetime import datetime

from application.ports.webhook_parser import ParsedMessage
from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError, UnreadableMessageError
from domain.messages import AttachedFile, InboundMessage, Recipient, content_hash_of
from infrastructure.mail.author_alignment import is_author_authenticated
from infrastructure.mail.html_text import text_of_html
from infrastructure.mail.mail_files import attached_file
from infrastructure.mail.mail_metadata import mail_metadata, notable_headers
from infrastructure.mail.parsed_mail import MAX_RECIPIENTS, ParsedMail
from infrastructure.mail.replies import new_text

MAX_TEXT_COPIES_LENGTH = 32 * 1024 * 1024
"""Characters of all texts of one mail, as each recipient's message has its own."""

MAX_FILES = 100
"""Each is a write to the store, one after the other, and a webhook has eight seconds in all."""

MAX_FILE_COPIES = 200
"""For the same reason: of all files of a mail, as each recipient's message has its own."""

MAX_FILE_COPIES_BYTES = 64 * 1024 * 1024
"""What one mail may make Frontdesk store, however many recipients it has."""

_MAX_RECIPIENT_TEXT = 400
"""The longest address with room for brackets and blanks around it."""


class MessageDraft:
    """Everything about a message that is the same for each of its recipients."""

    def __init__(self, mail: ParsedMail, account: str, received_at: datetime) -> None:
        self._mail, self._account, self._received_at = mail, account, received_at
        self._sender = _sender(mail)
        self._body = _body(mail)
        self._files = (*mail.files, *_html_file(mail))
        if len(self._files) > MAX_FILES:
            raise UnreadableMessageError("the mail has too many files")
        self._authenticated = is_author_authenticated(mail.authors, mail.relay)
        self._metadata = self._all_metadata()
        self._content_hash = content_hash_of(self._sender, mail.subject, self._body)

    def check_copies(self, count: int) -> None:
        """Each of ``count`` recipients gets the text and the files for itself.

        Raises ``UnreadableMessageError`` when together they are too much to store.
        """
        if count > MAX_RECIPIENTS:
            raise UnreadableMessageError("the mail has too many recipients")
        if count * len(self._body) > MAX_TEXT_COPIES_LENGTH:
            raise UnreadableMessageError("the text is too long for so many recipients")
        if count * len(self._files) > MAX_FILE_COPIES:
            raise UnreadableMessageError("the mail has too many files for so many recipients")
        if count * sum(len(file.content) for file in self._files) > MAX_FILE_COPIES_BYTES:
            raise UnreadableMessageError("the files are too large for so many recipients")

    def message_to(self, recipient: Recipient, *, addressed_to_us: bool) -> ParsedMessage:
        """The message to ``recipient``, with the files of the mail."""
        mail = self._mail
        message = InboundMessage(
            channel=ChannelType.EMAIL,
            account=self._account,
            provider_message_id=mail.message_id or f"sha256:{mail.content_hash}",
            sender=self._sender,
            sender_verbatim=mail.authors[0].address,
            identities=(self._sender,),
            recipient=recipient,
            body=self._body,
            received_at=self._received_at,
            subject=mail.subject,
            metadata=self._metadata,
            thread_references=mail.thread_references,
            author_authenticated=self._authenticated,
            content_hash=self._content_hash,
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


def _html_file(mail: ParsedMail) -> tuple[AttachedFile, ...]:
    """The HTML is kept whole, as the last file: UTF-8, whatever charset it came in."""
    if mail.html is None:
        return ()
    return (attached_file(mail.html.encode(), "text/html", inline=True),)


def readable_recipients(texts: tuple[str, ...]) -> tuple[Recipient, ...]:
    """The recipients in ``texts``, once each; what is no address is left out."""
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
