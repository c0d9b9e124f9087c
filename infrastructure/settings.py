"""Settings from environment variables, checked as a whole."""

import base64
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
)

from application.match_conversation import UnknownSender
from domain.addresses import ChannelType
from domain.errors import WebhookHandlerError
from domain.routing import UnauthenticatedMail

MEBIBYTE = 1024 * 1024
DEFAULT_FALLBACK_TEXT = (
    "Thank you for your message. We could not find a conversation with you. "
    "Please contact us through our website."
)
SECRET_FILE_PREFIX = "file:"  # noqa: S105 - a prefix, not a secret

# The DER of every uncompressed P-256 SubjectPublicKeyInfo begins with these bytes.
_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_LENGTH = 91

Item = TypeVar("Item")


class SettingsError(WebhookHandlerError):
    """Settings that are missing, wrong or contradict each other: every one, by name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("wrong settings: " + "; ".join(problems))
        self.problems = problems


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _secret(value: object) -> object:
    """A secret itself, or ``file:PATH`` where it stands alone."""
    if not isinstance(value, str) or not value.startswith(SECRET_FILE_PREFIX):
        return value
    try:
        return Path(value.removeprefix(SECRET_FILE_PREFIX)).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("the file that it names cannot be read") from error


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or "@" in parts.netloc
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        raise ValueError("must be an origin like https://hooks.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _p256_key(value: str) -> str:
    try:
        der = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise ValueError("must be public keys in base64, as SendGrid shows them") from error
    if len(der) != _P256_LENGTH or not der.startswith(_P256_PREFIX):
        raise ValueError("must be P-256 public keys in base64, as SendGrid shows them")
    return value


def _pair(value: SecretStr) -> SecretStr:
    user, separator, password = value.get_secret_value().partition(":")
    if not (user and separator and password):
        raise ValueError("must be user:password, several separated by commas")
    return value


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError("must be networks like 10.0.0.0/8, separated by commas") from error


def _tenants_source(value: str) -> str:
    if not value.startswith("file:") or value == "file:":
        raise ValueError("must be file:PATH")
    return value


def _account_sid(value: str) -> str:
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", value):
        raise ValueError("must be AC and 32 hex digits")
    return value


CommaSeparated = Annotated[tuple[Item, ...], BeforeValidator(_split)]
SecretList = Annotated[tuple[Item, ...], BeforeValidator(_split), BeforeValidator(_secret)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(_network)]
Backend = Literal["sqlite", "memory"]


class Settings(BaseModel):
    """Everything that an operator decides. Field names are the variables in lower case."""

    model_config = ConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=str.upper,
        populate_by_name=True,
        extra="ignore",
    )

    storage: Backend = "sqlite"
    queue: Backend = "sqlite"
    data_dir: Path = Path(".frontdesk")
    reply_delay_seconds: Annotated[int, Field(ge=0, le=900)] = 30
    public_base_url: Annotated[str, AfterValidator(_origin)] | None = None
    trusted_proxies: CommaSeparated[Network] = ()
    twilio_account_sid: Annotated[str, AfterValidator(_account_sid)] | None = None
    twilio_auth_token: SecretList[SecretStr] = ()
    sendgrid_webhook_public_key: SecretList[Annotated[str, AfterValidator(_p256_key)]] = ()
    sendgrid_basic_auth: SecretList[Annotated[SecretStr, AfterValidator(_pair)]] = ()
    sendgrid_tolerance_seconds: Annotated[int, Field(gt=0)] = 96 * 3600
    sendgrid_api_key: Annotated[SecretStr, BeforeValidator(_secret)] | None = None
    fallback_email_from: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")] | None = None
    tenants: Annotated[str, AfterValidator(_tenants_source)] | None = None
    unknown_sender: UnknownSender = UnknownSender.FALLBACK
    unauthenticated_mail: UnauthenticatedMail = UnauthenticatedMail.HANDOFF
    fallback_window_seconds: Annotated[int, Field(gt=0)] = 86_400
    fallback_max_per_hour: Annotated[int, Field(ge=0)] = 1000
    fallback_text: Annotated[str, Field(max_length=1600)] = DEFAULT_FALLBACK_TEXT
    fallback_text_whatsapp: Annotated[str, Field(max_length=1600)] | None = None
    fallback_text_sms: Annotated[str, Field(max_length=1600)] | None = None
    fallback_text_email: str | None = None
    own_addresses: CommaSeparated[str] = ()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 32 * MEBIBYTE
    max_in_flight: Annotated[int, Field(ge=1, le=1024)] = 32
    stage: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "dev"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def has_real_secrets(self) -> bool:
        """Whether any provider's secret is configured: then the development secret is refused."""
        return bool(
            self.twilio_auth_token
            or self.sendgrid_webhook_public_key
            or self.sendgrid_basic_auth
            or self.tenants
        )

    @property
    def fallback_texts(self) -> dict[ChannelType, str]:
        """What unknown senders are told, per channel."""
        own = {
            ChannelType.WHATSAPP: self.fallback_text_whatsapp,
            ChannelType.SMS: self.fallback_text_sms,
            ChannelType.EMAIL: self.fallback_text_email,
        }
        return {channel: text or self.fallback_text for channel, text in own.items()}


_Contradiction = tuple[Callable[[Mapping[str, str]], bool], str]

_SINGLE_COMPANY = (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "SENDGRID_WEBHOOK_PUBLIC_KEY",
    "SENDGRID_BASIC_AUTH",
    "SENDGRID_API_KEY",
)
_CONTRADICTIONS: tuple[_Contradiction, ...] = (
    (
        lambda env: "TWILIO_AUTH_TOKEN" in env and "TWILIO_ACCOUNT_SID" not in env,
        "TWILIO_ACCOUNT_SID is missing: TWILIO_AUTH_TOKEN needs it",
    ),
    (
        lambda env: "TWILIO_ACCOUNT_SID" in env and "TWILIO_AUTH_TOKEN" not in env,
        "TWILIO_AUTH_TOKEN is missing: TWILIO_ACCOUNT_SID needs it",
    ),
    (
        lambda env: "SENDGRID_API_KEY" in env and "FALLBACK_EMAIL_FROM" not in env,
        "FALLBACK_EMAIL_FROM is missing: SENDGRID_API_KEY needs it to send",
    ),
    (
        lambda env: "TENANTS" in env and any(name in env for name in _SINGLE_COMPANY),
        "TENANTS contradicts the variables of a single company: "
        f"unset it, or all of {', '.join(_SINGLE_COMPANY)}",
    ),
)


def read_settings(environ: Mapping[str, str], *, ephemeral: bool = False) -> Settings:
    """The settings in ``environ``; an empty variable counts as unset.

    ``ephemeral`` keeps everything in memory, which no variable may ask for by itself.
    Raises ``SettingsError`` that names every wrong variable at once.
    """
    given = {
        name: value.strip()
        for name, value in environ.items()
        if name.lower() in Settings.model_fields and value.strip()
    }
    problems = [message for holds, message in _CONTRADICTIONS if holds(given)]
    if ephemeral:
        given |= {"STORAGE": "memory", "QUEUE": "memory"}
    else:
        problems += [
            f"{name}: memory loses everything at the end: only with 'serve --ephemeral'"
            for name in ("STORAGE", "QUEUE")
            if given.get(name) == "memory"
        ]
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += _named_problems(error)
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _named_problems(error: ValidationError) -> Iterator[str]:
    seen = set()
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name, message = str(detail["loc"][0]), detail["msg"].removeprefix("Value error, ")
        if (name, message) not in seen:
            seen.add((name, message))
            yield f"{name}: {message[0].lower()}{message[1:]}"
