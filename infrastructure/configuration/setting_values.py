"""What the text of one variable may be, and what is read from it.

Each reader takes the text without blanks around it. It raises ``ValueError`` that says what the
text must be, and never shows it. The types of ``Settings`` name their readers: they are read by
hand because a function on Lambda starts faster without a library for it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import SplitResult, urlsplit

from domain.routing import MailPolicy
from domain.tenants import UnknownSender
from infrastructure.configuration.secrets.accounts import (
    must,
    read_basic_auth_pair,
    read_mail_address,
    read_p256_key,
    read_twilio_account_sid,
)
from infrastructure.configuration.secrets.secret import Secret
from infrastructure.configuration.secrets.secret_references import is_reference

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """Reads one of a few words."""
    known = tuple(choices)
    return must(f"one of {', '.join(known)}", known.__contains__)


def member_of(enum: type[Choice]) -> Callable[[str], Choice]:
    """Reads the value of a member."""
    read = one_of(enum)
    return lambda text: enum(read(text))


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number, within bounds."""
    error = f"must be a whole number from {least} to {most}"

    def read(text: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(error)
        return int(text)

    return read


def text_up_to(most: int) -> Callable[[str], str]:
    """Reads any text of so many characters."""
    return must(f"at most {most} characters", lambda text: len(text) <= most)


def comma_separated(read: Callable[[str], Value]) -> Callable[[str], tuple[Value, ...]]:
    """Reads several values of a kind, one at least."""

    def read_all(text: str) -> tuple[Value, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise ValueError("must have a value, several separated by commas")
        if any(map(is_reference, parts)):
            # It would be the secret itself, and anybody may guess it.
            raise ValueError("must have no reference among its values: one may stand for all")
        return tuple(map(read, parts))

    return read_all


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("must be networks like 10.0.0.0/8 or ::1, separated by commas") from error


def _base_url(text: str) -> str:
    parts = _http_url(text)
    if parts is None or "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError(
            "must be a URL like https://hooks.example.com or https://hooks.example.com/api, "
            "without a user, a query and a fragment"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _webhook_url(text: str) -> str:
    """``text`` without user info and fragment: neither is signed, and both may be secret."""
    parts = _http_url(text)
    if parts is None:
        raise ValueError(
            "must be the whole URL that the provider is configured with, "
            "like https://hooks.example.com/webhooks/sms?tenant=acme"
        )
    scheme, _, rest = text.partition("#")[0].partition("://")
    user_info, at, _ = parts.netloc.rpartition("@")
    return f"{scheme}://{rest.removeprefix(user_info + at)}"


def _http_url(text: str) -> SplitResult | None:
    """``text`` in its parts, if it is an absolute URL that a request can be sent to."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if valid and not re.search(r"[\s\x00-\x1f\x7f\\]", text) else None


def _is_queue_url(text: str) -> bool:
    parts = _http_url(text)
    return parts is not None and parts.path not in {"", "/"}


def _pattern(pattern: str) -> Callable[[str], str]:
    return must(f"text that matches {pattern}", re.compile(pattern).fullmatch)


def _api_tokens(text: str) -> Secret:
    if not is_reference(text):
        from infrastructure.configuration.secrets.access_tokens import parse_access_tokens

        parse_access_tokens(text)
    return Secret(text)


def read_session_key(text: str) -> bytes:
    """The key that signs sessions: 32 bytes."""
    return bytes.fromhex(_session_key_text(text))


_session_key_text = must(
    "64 hex digits, like those of 'openssl rand -hex 32'", re.compile("[0-9a-fA-F]{64}").fullmatch
)


def _session_key(text: str) -> Secret:
    return Secret(text if is_reference(text) else _session_key_text(text))


Text = Annotated[str | None, str]
Directory = Annotated[Path, Path]
SecretText = Annotated[Secret | None, Secret]
ApiTokens = Annotated[Secret | None, _api_tokens]
SessionKey = Annotated[Secret | None, _session_key]
FallbackText = Annotated[str | None, text_up_to(1600)]
AccountSid = Annotated[str | None, read_twilio_account_sid]
MailAddress = Annotated[str | None, read_mail_address]
BaseUrl = Annotated[str | None, _base_url]
WebhookUrl = Annotated[str | None, _webhook_url]
TenantsSource = Annotated[str | None, must("file:PATH or secretsmanager:NAME", is_reference)]
QueueUrl = Annotated[
    str | None,
    must("the URL of a queue, like https://sqs.REGION.amazonaws.com/1/NAME", _is_queue_url),
]
TableName = Annotated[str | None, _pattern("[A-Za-z0-9_.-]{3,255}")]
BucketName = Annotated[str | None, _pattern("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")]
StageName = Annotated[str, _pattern("[A-Za-z0-9_-]{1,32}")]
UnknownSenderChoice = Annotated[UnknownSender, member_of(UnknownSender)]
MailPolicyChoice = Annotated[MailPolicy, member_of(MailPolicy)]

Texts = Annotated[tuple[str, ...], comma_separated(str)]
Networks = Annotated[tuple[Network, ...], comma_separated(_network)]
Secrets = Annotated[tuple[Secret, ...], comma_separated(Secret)]
P256Keys = Annotated[tuple[str, ...], comma_separated(read_p256_key)]
BasicAuthPairs = Annotated[
    tuple[Secret, ...], comma_separated(lambda text: Secret(read_basic_auth_pair(text)))
]
