"""SendGrid as a simulation and tests play it: its form, signed as SendGrid signs."""

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
        recipients = [recipient] if isinstance(recipient, str) else list(recipient)
        domain = sender.rpartition("@")[2]
        if message_id is None:
            message_id = f"<{secrets.token_hex(16)}@{domain}>"
        lines = {
            "Message-ID": message_id,
            "Date": format_datetime(now),
            "From": f"{_encoded_words(sender_name or '')} <{sender}>".lstrip(),
            "To": ", ".join(recipients),
            "Subject": _encoded_words(subject),
            "In-Reply-To": in_reply_to,
            "References": in_reply_to,
            "MIME-Version": "1.0",
        }
        mail_headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        charsets = dict.fromkeys(("to", "from", "subject"), "UTF-8")
        form: dict[str, FormField] = {
            "dkim": dkim if dkim == "none" else f"{{@{domain} : {dkim}}}",
            "SPF": spf,
            "sender_ip": "192.0.2.25",
            "spam_score": "0.1",
            "to": ", ".join(recipients),
            "from": (f'"{one_line(sender_name)}" ' if sender_name else "") + f"<{sender}>",
            "subject": one_line(subject),
            "envelope": json.dumps({"to": recipients, "from": sender}),
        }
        if mode == "raw":
            form["email"] = mail_headers.encode() + _mime(text, html, attachments, charset)
        else:
            texts = {"text": text} if html is None else {"text": text, "html": html}
            charsets |= dict.fromkeys(texts, charset)
            form |= {name: content.encode(charset) for name, content in texts.items()}
            form |= {"headers": mail_headers, **_file_fields(attachments, html)}
        form["charsets"] = json.dumps(charsets)
        headers, body = self._signed(form, now, tamper=tamper)
        return SimulatedRequest(url, headers, body, message_id)

    def _signed(
        self, form: Mapping[str, FormField], now: datetime, *, tamper: bool
    ) -> tuple[dict[str, str], bytes]:
        boundary = f"xYzZY{secrets.token_hex(12)}"
        body, content_type = encode_multipart_formdata(form, boundary)
        headers = {"content-type": content_type, "user-agent": "SendGrid Inbound Parse"}
        if self.private_key is not None:
            timestamp = str(int(now.timestamp()))
            headers[TIMESTAMP_HEADER] = timestamp
            headers[SIGNATURE_HEADER] = sign(self.private_key, timestamp, body)
        if self.basic_auth is not None:
            wrong = "?" if tamper and self.private_key is None else ""
            encoded = base64.b64encode(f"{self.basic_auth}{wrong}".encode()).decode()
            headers["authorization"] = f"Basic {encoded}"
        if tamper:
            # A byte of its content is another one: so it still is a form.
            at = body.index(b"\r\n\r\n") + 4
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        return headers, body


def _mime(text: str, html: str | None, files: Sequence[SimulatedFile], charset: str) -> bytes:
    """The mail as MIME, without the headers of its own."""
    mime = EmailMessage(policy=SMTP)
    mime.set_content(text, charset=charset, cte="base64")
    if html is not None:
        mime.add_alternative(html, subtype="html", charset=charset, cte="base64")
    for name, content_type, content in files:
        main, _, sub = content_type.partition("/")
        cid = f"<{name}>" if _is_shown(name, html) else None
        mime.add_attachment(content, main, sub, filename=one_line(name) or "file", cid=cid)
    del mime["MIME-Version"]
    return mime.as_bytes()


def _is_shown(name: str, html: str | None) -> bool:
    """Whether the HTML shows the file: ``cid:`` and its name, which is its Content-ID then."""
    return bool(name.isascii() and name.isprintable() and f"cid:{name}" in (html or ""))


def _file_fields(files: Sequence[SimulatedFile], html: str | None) -> dict[str, FormField]:
    fields: dict[str, FormField] = {"attachments": str(len(files))}
    shown = {
        name: f"attachment{number}"
        for number, (name, *_) in enumerate(files, 1)
        if _is_shown(name, html)
    }
    if shown:
        fields["content-ids"] = json.dumps(shown)
    infos = {}
    for number, (name, content_type, content) in enumerate(files, 1):
        fields[f"attachment{number}"] = (name, content, content_type)
        infos[f"attachment{number}"] = {"filename": name, "name": name, "type": content_type}
    return fields | ({"attachment-info": json.dumps(infos)} if infos else {})


def sign(key: "EllipticCurvePrivateKey", timestamp: str, body: bytes) -> str:
    """The signature of ``body``, as the header has it."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(key.sign(timestamp.encode() + body, ECDSA(SHA256()))).decode()


def _encoded_words(text: str) -> str:
    """``text`` for a header: as it is, or in encoded words (RFC 2047)."""
    if _ATOMS.fullmatch(text) and text == text.strip():
        return text
    pieces = [text[at : at + _WORD_CHARACTERS] for at in range(0, len(text), _WORD_CHARACTERS)]
    words = (base64.b64encode(piece.encode()).decode() for piece in pieces)
    return "\r\n ".join(f"=?UTF-8?B?{word}?=" for word in words)
