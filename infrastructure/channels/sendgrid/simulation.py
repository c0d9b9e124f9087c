"""Mail as ``frontdesk send`` and the console's simulator let SendGrid post it."""

import mimetypes
import re
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

_SPF = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
_DKIM = ("pass", "fail", "none")
_EMAIL = (ChannelType.EMAIL,)
_AS_GIVEN = ("subject", "html", "charset", "spf", "dkim")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")


def _read_file(name: str, content: bytes) -> SimulatedFile:
    return name, mimetypes.guess_type(name)[0] or "application/octet-stream", content


def _read_charset(text: str) -> str:
    """A charset for texts. Some codecs are none, and make something of no text."""
    try:
        if _CHARSET.fullmatch(text) and "".encode(text) == b"":
            return text
    except (LookupError, UnicodeError):
        pass
    raise ValueError(f"{text!r} is no charset like utf-8, iso-8859-1 or shift_jis")


class SendgridSimulation(Simulation):
    """Email as SendGrid posts it."""

    options = (
        SendOption("--subject", "The subject.", _EMAIL, default="A question"),
        SendOption("--html", "The HTML part.", _EMAIL, metavar="HTML", is_content=True,
                   is_multiline=True, title="HTML", example="<p>Is my <b>order</b> sent?</p>"),
        SendOption("--attach", "A file to attach (repeatable).", _EMAIL, metavar="FILE",
                   read_file=_read_file, is_repeatable=True, is_content=True, title="Files"),
        SendOption("--charset", "The charset of the texts.", _EMAIL, _read_charset,
                   default="utf-8", example="iso-8859-1"),
        SendOption("--raw", "Post the whole MIME message, as raw mode does.", _EMAIL,
                   is_flag=True, title="Raw mode"),
        SendOption("--spf", "The result of SPF.", _EMAIL, choices=_SPF, default="pass",
                   title="SPF"),
        SendOption("--dkim", "The result of DKIM.", _EMAIL, choices=_DKIM, default="pass",
                   title="DKIM"),
        SendOption("--in-reply-to", "The Message-ID that is answered.", _EMAIL,
                   example="<order-42@frontdesk.example>"),
        SendOption("--private-key", "PEM file with the key that signs.", _EMAIL, metavar="FILE",
                   read_file=lambda _, content: content, signs=True,
                   variable="SENDGRID_PRIVATE_KEY_FILE"),
    )  # fmt: skip

    @override
    def webhooks(
        self, message: SimulatedMessage, settings: Settings, read_secret: ReadSecret
    ) -> Webhooks:
        options: dict[str, Any] = dict(message.options)
        key = _private_key(options["private_key"]) if options["private_key"] else None
        simulator = _simulator(settings, read_secret, key, message.recipient)
        _check_charset(options["charset"], message.body, options["html"])
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
            **{name: options[name] for name in _AS_GIVEN},
        )


def _check_charset(charset: str, *texts: str | None) -> None:
    for text in filter(None, texts):
        try:
            text.encode(charset)
        except UnicodeError:
            raise SimulationError(f"the text cannot be written in {charset}", "--charset") from None


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
