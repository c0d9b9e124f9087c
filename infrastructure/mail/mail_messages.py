"""Mail as messages: one for each recipient, with limits on what one mail can make of itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from application.ports.webhook_parser import ParsedMessage
from domain.addresses import Address
from domain.automated_mail import automated_mark_of
from domain.channels import ChannelType
from domain.errors import InvalidAddressError, UnreadableMessageError
from domain.idempotency import content_hash_of
from domain.messages import AttachedFile, InboundMessage, Recipient
from infrastructure.mail.charsets import is_blank
from infrastructure.mail.html_text import text_of_html
from infrastructure.mail.mail_author import author_of
from infrastructure.mail.mail_files import attached_file, reason_without_text, within_limit
from infrastructure.mail.mail_metadata import mail_metadata, notable_headers
from infrastructure.mail.parsed_mail import MAX_RECIPIENTS, MailContent, MisreadReason, ParsedMail
from infrastructure.mail.replies import new_text

MAX_TEXT_COPIES_LENGTH = 32 * 1024 * 1024
"""Characters of all texts of one mail, as each recipient's message has its own."""

MAX_FILES = 200
"""Each is a write to the store, one after the other, and a webhook has eight seconds in all.

For the same reason it holds for the files of all recipients' messages together: what is more
goes into one archive. A message has two files at least, its HTML and such an archive.
"""

MAX_FILE_COPIES_BYTES = 64 * 1024 * 1024
"""What one mail may make Frontdesk store, however many recipients it has."""

_ORIGINAL_NAMES = {"text/plain": "original.txt", "text/html": "original.html"}
_MAX_RECIPIENT_TEXT = 400
"""The longest address with room for brackets and blanks around it."""


class MessageDraft:
    """Everything about a message that is the same for each of its recipients."""

    def __init__(
        self, mail: ParsedMail, account: str, received_at: datetime, recipient_count: int
    ) -> None:
        """Each of ``recipient_count`` recipients gets the text and the files for itself.

        Raises ``UnreadableMessageError`` when together they are too much to store.
        """
        self._mail, self._account, self._received_at = mail, account, received_at
        self._author = author_of(mail)
        self._notable_headers = notable_headers(mail)
        if recipient_count > MAX_RECIPIENTS:
            raise UnreadableMessageError("the mail has too many recipients")
        self._body = _body(mail.content)
        self._files = _files(mail.content, MAX_FILES // recipient_count)
        if recipient_count * len(self._body) > MAX_TEXT_COPIES_LENGTH:
            raise UnreadableMessageError("the text is too long for so many recipients")
        if recipient_count * sum(len(file.content) for file in self._files) > MAX_FILE_COPIES_BYTES:
            raise UnreadableMessageError("the files are too large for so many recipients")
        self._metadata = self._all_metadata()
        self._message_id = mail.message_id or f"sha256:{mail.content_hash}"
        self._content_hash = content_hash_of(self._author.address, mail.subject, self._body)

    def message_to(self, recipient: Recipient, *, addressed_to_us: bool) -> ParsedMessage:
        """The message to ``recipient``, with the files of the mail."""
        mail = self._mail
        message = InboundMessage(
            channel=ChannelType.EMAIL,
            account=self._account,
            provider_message_id=self._message_id,
            sender=self._author.address,
            sender_verbatim=self._author.verbatim,
            identities=(self._author.address,),
            recipient=recipient,
            body=self._body,
            received_at=self._received_at,
            subject=mail.subject,
            metadata=self._metadata,
            thread_references=mail.thread_references,
            author_authenticated=self._author.is_authenticated,
            content_hash=self._content_hash,
            mail=replace(self._notable_headers, addressed_to_us=addressed_to_us),
        )
        return ParsedMessage(message, self._files)

    def _all_metadata(self) -> dict[str, object]:
        mail, author = self._mail, self._author
        html_available = mail.content.html is not None
        metadata = mail_metadata(mail, self._notable_headers) | {
            "author_authenticated": author.is_authenticated,
            "html_available": html_available,
        }
        if author.rewritten_from is not None:
            metadata["rewritten_from"] = author.rewritten_from
        if mark := automated_mark_of(self._notable_headers, author.address.local_part):
            metadata["automated"] = {"kind": str(mark.kind), "sign": str(mark.sign)}
        if html_available:
            metadata["html_attachment_index"] = len(self._files) - 1
        marks = list(_marks(mail.content, self._body, self._files))
        if marks:
            metadata["body_incomplete"] = marks
        reply = new_text(self._body)
        if reply != self._body:
            metadata["reply_text"] = reply
        return metadata


def _body(content: MailContent) -> str:
    text = content.text or ""
    if is_blank(text) and content.html is not None:
        text = text_of_html(content.html)
    text = text.replace("\r\n", "\n")
    # Some gateways write two carriage returns before a line feed.
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _files(content: MailContent, limit: int) -> tuple[AttachedFile, ...]:
    """The files, the parts that were misread, and last the HTML, in UTF-8, whatever it came in."""
    originals = (
        attached_file(
            part.content, part.content_type, _ORIGINAL_NAMES[part.content_type], inline=False
        )
        for part in content.misread
    )
    files = [*content.files, *originals]
    if content.html is None:
        return within_limit(files, limit)
    html = attached_file(content.html.encode(), "text/html", inline=True)
    return (*within_limit(files, limit - 1), html)


def _marks(
    content: MailContent, body: str, files: tuple[AttachedFile, ...]
) -> Iterator[dict[str, object]]:
    """Why ``body`` may lack something, and the index in ``files`` of the one that has it."""
    has_html = content.html is not None
    last = len(files) - 1
    marked = [
        (part.reason, index) for index, part in enumerate(content.misread, len(content.files))
    ]
    if is_blank(body):
        found = [
            (reason_without_text(file.attachment), index)
            for index, file in enumerate(content.files)
        ]
        marked += [(reason, index) for reason, index in found if reason]
    for reason, index in marked:
        # Files of a number that is too large lie in the archive, which is the last of them.
        yield {"reason": str(reason), "attachment_index": min(index, last - has_html)}
    if has_html and is_blank(body):
        yield {"reason": str(MisreadReason.NO_VISIBLE_TEXT), "attachment_index": last}


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
