"""The values that settings may have. Messages say what was expected, and never show a value."""

import base64
import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
)

from infrastructure.configuration.secrets.secret_references import (
    ReadSecret,
    is_reference,
    resolved,
)

# The DER of every uncompressed P-256 SubjectPublicKeyInfo begins with these bytes.
_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_LENGTH = 91

Item = TypeVar("Item")


def _resolved(value: object, info: ValidationInfo) -> object:
    read_secret: ReadSecret | None = info.context
    return resolved(value, read_secret) if isinstance(value, str) and read_secret else value


def _must(be: str, test: Callable[[str], object]) -> AfterValidator:
    """What a text must be, in words and as a test that it passes."""

    def check(value: str) -> str:
        if not test(value):
            raise ValueError(f"must be {be}")
        return value

    return AfterValidator(check)


def _split(value: object) -> object:
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise ValueError("must have a value, several separated by commas")
        return parts
    return value


def _base_url(value: str) -> str:
    parts = _http_url(value)
    if parts is None or "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(
            "must be a URL like https://hooks.example.com or https://hooks.example.com/api, "
            "without a user, a query and a fragment"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _webhook_url(value: str) -> str:
    """``value`` without user info and fragment: neither is signed, and both may be secret."""
    parts = _http_url(value)
    if parts is None:
        raise ValueError(
            "must be the whole URL that the provider is configured with, "
            "like https://hooks.example.com/webhooks/sms?tenant=acme"
        )
    scheme, _, rest = value.partition("#")[0].partition("://")
    user_info, at, _ = parts.netloc.rpartition("@")
    return f"{scheme}://{rest.removeprefix(user_info + at)}"


def _http_url(value: str) -> SplitResult | None:
    """``value`` in its parts, if it is an absolute URL that a request can be sent to."""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if valid and not re.search(r"[\s\x00-\x1f\x7f\\]", value) else None


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


def _is_queue_url(value: str) -> bool:
    parts = urlsplit(value)
    return bool(
        parts.scheme in {"http", "https"} and parts.hostname and parts.path not in {"", "/"}
    )


Resolved = BeforeValidator(_resolved)
"""What a reference leads to, if the context of the validation is a ``ReadSecret``."""

CommaSeparated = Annotated[tuple[Item, ...], BeforeValidator(_split)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(_network)]
TenantsSource = Annotated[str, _must("file:PATH or secretsmanager:NAME", is_reference)]
AccountSid = Annotated[
    str, _must("AC and 32 hex digits", re.compile(r"AC[0-9a-fA-F]{32}").fullmatch)
]
P256Key = Annotated[str, AfterValidator(_p256_key)]
BasicAuthPair = Annotated[SecretStr, AfterValidator(_pair)]
MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
QueueUrl = Annotated[
    str, _must("the URL of a queue, like https://sqs.REGION.amazonaws.com/1/NAME", _is_queue_url)
]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
