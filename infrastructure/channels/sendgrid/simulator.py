"""SendGrid as ``frontdesk send`` and tests play it: its form, signed as SendGrid signs."""

import base64
import json
import mimetypes
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override
from urllib3.filepost import encode_multipart_formdata

from application.clock import utc_now
from domain.channels import ChannelType
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    SimulatedRequest,
    Simulation,
    SimulationError,
    Webhooks,
)
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.development_secret import read_development_credentials
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.settings import Settings
from infrastructure.mail.header_text import one_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

Mode = Literal["parsed", "raw"]
SimulatedFile = tuple[str, str, bytes]
"""File name, content type and content."""
FormField = str | bytes | tuple[str, bytes, str]
"""A text, or a file: its name, content and content type."""

_SPF = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
_DKIM = ("pass", "fail", "none")
_EMAIL = (ChannelType.EMAIL,)

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


def _read_bytes(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise ValueError(f"{text} is no readable file ({error.strerror})") from None


def _read_file(text: str) -> SimulatedFile:
    content_type = mimetypes.guess_type(text)[0] or "application/octet-stream"
    return Path(text).name, content_type, _read_bytes(text)


class SendgridSimulation(Simulation):
    """Email as SendGrid posts it."""

    options = (
        SendOption("--subject", "The subject.", _EMAIL, default="A question"),
        SendOption("--html", "The HTML part.", _EMAIL, metavar="HTML", is_content=True),
        SendOption("--attach", "A file to attach (repeatable).", _EMAIL, _read_file, "FILE",
                   is_repeatable=True, is_content=True),
        SendOption("--raw", "Post the whole MIME message, as raw mode does.", _EMAIL,
                   is_flag=True),
        SendOption("--spf", "The result of SPF.", _EMAIL, choices=_SPF, default="pass"),
        SendOption("--dkim", "The result of DKIM.", _EMAIL, choices=_DKIM, default="pass"),
        SendOption("--in-reply-to", "The Message-ID that is answered.", _EMAIL),
        SendOption("--private-key", "PEM file with the key that signs.", _EMAIL, _read_bytes,
                   "FILE", variable="SENDGRID_PRIVATE_KEY_FILE"),
    )  # fmt: skip

    @override
    def webhooks(
        self, message: SimulatedMessage, settings: Settings, read_secret: ReadSecret
    ) -> Webhooks:
        options: dict[str, Any] = dict(message.options)
        key = _private_key(options["private_key"]) if options["private_key"] else None
        simulator = _simulator(settings, read_secret, key, message.recipient)
        return lambda: simulator.request(
            message.url,
            sender=message.sender,
            sender_name=message.sender_name,
            recipient=message.recipient,
            text=message.body or "",
            mode="raw" if options["raw"] else "parsed",
            attachments=options["attach"],
            message_id=_bracketed(message.message_id),
            in_reply_to=_bracketed(options["in_reply_to"]),
            now=utc_now(),
            tamper=message.tamper,
            **{name: options[name] for name in ("subject", "html", "spf", "dkim")},
        )


def _bracketed(message_id: str | None) -> str | None:
    """A Message-ID as mail headers have it (RFC 5322, 3.6.4)."""
    return f"<{message_id.strip('<>')}>" if message_id else None


def _simulator(
    settings: Settings,
    read_secret: ReadSecret,
    given_key: "EllipticCurvePrivateKey | None",
    recipient: str,
) -> SendgridSimulator:
    """With what signs mail for the recipient's company: a key, a Basic auth pair, or both."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return SendgridSimulator(given_key or development.sendgrid_private_key)
    accounts = read_provider_accounts(settings, read_secret)
    for account in accounts.sendgrid:
        if accounts.may_speak_for(recipient, account.name):
            if account.public_keys and given_key is None:
                raise SimulationError(
                    "the server checks signatures of mail: name the key that signs them with "
                    "--private-key FILE or SENDGRID_PRIVATE_KEY_FILE"
                )
            if account.basic_auth or given_key:
                pair = account.basic_auth[0].get_secret_value() if account.basic_auth else None
                return SendgridSimulator(given_key, pair)
    raise SimulationError(
        "real secrets are set, but none for mail to this recipient: set "
        "SENDGRID_WEBHOOK_PUBLIC_KEY or SENDGRID_BASIC_AUTH, or unset the others"
    )


def _private_key(pem: bytes) -> "EllipticCurvePrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise SimulationError("--private-key is no P-256 private key in PEM, without a password")
    return key
