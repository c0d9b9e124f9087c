"""``frontdesk send`` for email: its options, and the webhooks that it posts."""

import mimetypes
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application.clock import utc_now
from domain.channels import ChannelType
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    SimulatedRequest,
    Simulation,
    SimulationError,
)
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.development_secret import read_development_credentials

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from infrastructure.configuration.settings import Settings

_EMAIL = (ChannelType.EMAIL,)
_SPF = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
_DKIM = ("pass", "fail", "none")


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file name"
        raise ValueError(f"{path} is no readable file ({reason})") from None


def _read_html(text: str) -> str:
    """HTML itself, or what the file of this name holds. Only what has a tag in it is HTML."""
    if "<" in text:
        return text
    try:
        return _bytes_of(Path(text)).decode()
    except ValueError as error:
        raise ValueError(f"{text!r} is neither HTML nor a readable file ({error})") from None


def _read_file(text: str) -> SimulatedFile:
    path = Path(text)
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.name, content_type, _bytes_of(path)


def _read_pem(text: str) -> tuple[str, bytes]:
    return text, _bytes_of(Path(text))


SEND_OPTIONS = (
    SendOption("--subject", "The subject.", _EMAIL, default="A question"),
    SendOption(
        "--html",
        "The HTML part: a file, or the HTML itself.",
        _EMAIL,
        _read_html,
        metavar="FILE|HTML",
        is_content=True,
    ),
    SendOption(
        "--attach",
        "A file to attach (repeatable).",
        _EMAIL,
        _read_file,
        metavar="FILE",
        is_repeatable=True,
        is_content=True,
    ),
    SendOption("--raw", "Post the whole MIME message, as raw mode does.", _EMAIL, is_flag=True),
    SendOption("--spf", "The result of SPF.", _EMAIL, choices=_SPF, default="pass"),
    SendOption("--dkim", "The result of DKIM.", _EMAIL, choices=_DKIM, default="pass"),
    SendOption("--in-reply-to", "The Message-ID that is answered.", _EMAIL),
    SendOption(
        "--private-key",
        "PEM file with the key that signs.",
        _EMAIL,
        _read_pem,
        metavar="FILE",
        variable="SENDGRID_PRIVATE_KEY_FILE",
    ),
)


def simulation(message: SimulatedMessage, settings: "Settings") -> Simulation:
    """See ``Provider.simulation``."""
    options: dict[str, Any] = dict(message.options)
    key = _private_key(options["private_key"])
    simulator = SendgridSimulator(*_credentials(settings, key, message.recipient))
    domain = message.sender.rpartition("@")[2]
    in_reply_to = _bracketed(options["in_reply_to"]) if options["in_reply_to"] else None

    def make() -> SimulatedRequest:
        message_id = _bracketed(message.message_id or f"{uuid.uuid4().hex}@{domain}")
        request = simulator.request(
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
            message_id=message_id,
            in_reply_to=in_reply_to,
            references=(in_reply_to,) if in_reply_to else (),
            now=utc_now(),
            tamper=message.tamper,
        )
        return replace(request, message_id=message_id)

    return make


def _bracketed(message_id: str) -> str:
    """A Message-ID as mail headers have it (RFC 5322, 3.6.4)."""
    return message_id if message_id.startswith("<") else f"<{message_id}>"


def _credentials(
    settings: "Settings", given_key: "EllipticCurvePrivateKey | None", recipient: str
) -> tuple["EllipticCurvePrivateKey | None", str | None]:
    """What signs mail for the recipient's company: a key, a Basic auth pair, or both."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return given_key or development.sendgrid_private_key, None
    accounts = read_provider_accounts(settings)
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


def _private_key(given: tuple[str, bytes] | None) -> "EllipticCurvePrivateKey | None":
    if given is None:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path, pem = given
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise SimulationError(f"{path} is no P-256 private key in PEM, without a password")
    return key
