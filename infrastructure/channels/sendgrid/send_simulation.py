"""``frontdesk send`` for email: its options, and the webhooks that it posts."""

import mimetypes
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from application.clock import utc_now
from domain.channels import ChannelType
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    Simulation,
    SimulationError,
    Webhooks,
)
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.development_secret import read_development_credentials
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


_EMAIL = (ChannelType.EMAIL,)
_SPF = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
_DKIM = ("pass", "fail", "none")


def _read_bytes(text: str) -> bytes:
    try:
        return Path(text).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file name"
        raise ValueError(f"{text} is no readable file ({reason})") from None


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
        in_reply_to = _bracketed(options["in_reply_to"])
        request = partial(
            SendgridSimulator(*_credentials(settings, read_secret, key, message.recipient)).request,
            message.url,
            sender=message.sender,
            sender_name=message.sender_name,
            recipient=message.recipient,
            subject=options["subject"],
            text=message.body or "",
            html=options["html"],
            mode="raw" if options["raw"] else "parsed",
            attachments=options["attach"],
            spf=options["spf"],
            dkim=options["dkim"],
            message_id=_bracketed(message.message_id),
            in_reply_to=in_reply_to,
            references=(in_reply_to,) if in_reply_to else (),
            tamper=message.tamper,
        )
        return lambda: request(now=utc_now())


def _bracketed(message_id: str | None) -> str | None:
    """A Message-ID as mail headers have it (RFC 5322, 3.6.4)."""
    return f"<{message_id.strip('<>')}>" if message_id else None


def _credentials(
    settings: Settings,
    read_secret: ReadSecret,
    given_key: "EllipticCurvePrivateKey | None",
    recipient: str,
) -> tuple["EllipticCurvePrivateKey | None", str | None]:
    """What signs mail for the recipient's company: a key, a Basic auth pair, or both."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return given_key or development.sendgrid_private_key, None
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
                return given_key, pair
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
