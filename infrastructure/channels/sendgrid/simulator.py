"""What SendGrid would post: for ``frontdesk send`` and for tests."""

import base64
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from urllib3.filepost import encode_multipart_formdata

from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from infrastructure.mail.header_text import one_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

Mode = Literal["parsed", "raw"]
SimulatedFile = tuple[str, str, bytes]
"""File name, content type and content."""
FormField = str | bytes | tuple[str, bytes, str]
"""A text, or a file: its name, content and content type."""

_ATOMS = re.compile(r"[\w!#$%&'*+/^`{|}~? -]+", re.ASCII)
_WORD_CHARACTERS = 15
"""Four bytes a character in base64 still make an encoded word of at most 75 (RFC 2047, 2)."""


@dataclass(frozen=True)
class _Mail:
    sender: str
    sender_name: str | None
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    attachments: tuple[SimulatedFile, ...]
    charset: str
    message_id: str
    in_reply_to: str | None
    date: datetime

    def headers(self) -> str:
        """The mail's own headers, as a mailer writes them."""
        name = encoded_words(self.sender_name) + " " if self.sender_name else ""
        lines = {
            "Message-ID": self.message_id,
            "Date": format_datetime(self.date),
            "From": f"{name}<{self.sender}>",
            "To": ", ".join(self.recipients),
            "Subject": encoded_words(self.subject),
            "In-Reply-To": self.in_reply_to or "",
            "References": self.in_reply_to or "",
            "MIME-Version": "1.0",
        }
        return "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)

    def raw(self) -> bytes:
        """The mail as MIME."""
        mime = EmailMessage(policy=SMTP)
        mime.set_content(self.text, charset=self.charset, cte="base64")
        if self.html is not None:
            mime.add_alternative(self.html, subtype="html", charset=self.charset, cte="base64")
        for filename, content_type, content in self.attachments:
            main, _, sub = content_type.partition("/")
            mime.add_attachment(content, main, sub, filename=one_line(filename) or "file")
        del mime["MIME-Version"]
        return self.headers().encode() + mime.as_bytes()


@dataclass(frozen=True)
class SendgridSimulator:
    """Posts mail as SendGrid does, signed with ``private_key``.

    ``basic_auth`` is the ``user:password`` of the URL that SendGrid was given, if any.
    """

    private_key: "EllipticCurvePrivateKey | None" = field(repr=False, default=None)
    basic_auth: str | None = field(repr=False, default=None)

    def request(
        self,
        url: str,
        *,
        sender: str,
        recipient: str | Sequence[str],
        subject: str,
        text: str,
        now: datetime,
        html: str | None = None,
        mode: Mode = "parsed",
        attachments: Sequence[SimulatedFile] = (),
        charset: str = "utf-8",
        spf: str = "pass",
        dkim: str = "pass",
        message_id: str | None = None,
        in_reply_to: str | None = None,
        sender_name: str | None = None,
        tamper: bool = False,
    ) -> SimulatedRequest:
        """A mail as SendGrid posts it to ``url`` at ``now``.

        ``dkim`` is the verdict on a signature of the sender's domain, or ``none``. Without a
        ``message_id`` there is a new one; an empty one leaves the header out. ``tamper``
        changes a byte after signing, or the password where nothing is signed.
        """
        recipients = (recipient,) if isinstance(recipient, str) else tuple(recipient)
        domain = sender.rpartition("@")[2]
        new_id = f"<{secrets.token_hex(16)}@{domain}>"
        mail = _Mail(
            *(sender, sender_name, recipients, subject, text, html, tuple(attachments), charset),
            *(new_id if message_id is None else message_id, in_reply_to, now),
        )
        boundary = f"xYzZY{secrets.token_hex(12)}"
        status = dkim if dkim == "none" else f"{{@{domain} : {dkim}}}"
        relay = {"dkim": status, "SPF": spf, "sender_ip": "192.0.2.25", "spam_score": "0.1"}
        body, content_type = encode_multipart_formdata(_form(mail, relay, mode), boundary)
        headers = {
            "content-type": content_type,
            "user-agent": "SendGrid Inbound Parse",
            **self._proof(body, now, tamper=tamper),
        }
        return SimulatedRequest(url, headers, _tampered(body) if tamper else body, mail.message_id)

    def _proof(self, body: bytes, now: datetime, *, tamper: bool) -> dict[str, str]:
        proof: dict[str, str] = {}
        if self.private_key is not None:
            timestamp = str(int(now.timestamp()))
            proof[TIMESTAMP_HEADER] = timestamp
            proof[SIGNATURE_HEADER] = sign(self.private_key, timestamp, body)
        if self.basic_auth is not None:
            wrong = "?" if tamper and self.private_key is None else ""
            encoded = base64.b64encode(f"{self.basic_auth}{wrong}".encode()).decode()
            proof["authorization"] = f"Basic {encoded}"
        return proof


def sign(key: "EllipticCurvePrivateKey", timestamp: str, body: bytes) -> str:
    """The signature of ``body``, as the header has it."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(key.sign(timestamp.encode() + body, ECDSA(SHA256()))).decode()


def _tampered(body: bytes) -> bytes:
    """``body`` with one byte of its content changed, so that it still is a form."""
    at = body.index(b"\r\n\r\n") + 4
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def encoded_words(text: str) -> str:
    """``text`` for a header: as it is, or in encoded words (RFC 2047)."""
    if _ATOMS.fullmatch(text) and text == text.strip():
        return text
    pieces = [text[at : at + _WORD_CHARACTERS] for at in range(0, len(text), _WORD_CHARACTERS)]
    words = (base64.b64encode(piece.encode()).decode() for piece in pieces)
    return "\r\n ".join(f"=?UTF-8?B?{word}?=" for word in words)


def _form(mail: _Mail, relay: dict[str, str], mode: Mode) -> Mapping[str, FormField]:
    shown_name = f'"{one_line(mail.sender_name)}" ' if mail.sender_name else ""
    form: dict[str, FormField] = {
        **relay,
        "to": ", ".join(mail.recipients),
        "from": f"{shown_name}<{mail.sender}>",
        "subject": one_line(mail.subject),
        "envelope": json.dumps({"to": list(mail.recipients), "from": mail.sender}),
    }
    charsets = dict.fromkeys(("to", "from", "subject"), "UTF-8")
    if mode == "raw":
        return form | {"email": mail.raw(), "charsets": json.dumps(charsets)}
    texts = {"text": mail.text} | ({"html": mail.html} if mail.html is not None else {})
    charsets |= dict.fromkeys(texts, mail.charset)
    form |= {"headers": mail.headers(), "charsets": json.dumps(charsets)}
    form |= {name: text.encode(mail.charset) for name, text in texts.items()}
    form["attachments"] = str(len(mail.attachments))
    infos = {}
    for number, (filename, content_type, content) in enumerate(mail.attachments, 1):
        form[f"attachment{number}"] = (filename, content, content_type)
        info = {"filename": filename, "name": filename, "type": content_type}
        infos[f"attachment{number}"] = info
    return form | ({"attachment-info": json.dumps(infos)} if infos else {})
