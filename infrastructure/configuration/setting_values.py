"""The values that settings may have. Messages say what was expected, and never show a value."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
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
Value = TypeVar("Value")


def _resolved(value: object, info: ValidationInfo) -> object:
    read_secret: ReadSecret | None = info.context
    return resolved(value, read_secret) if isinstance(value, str) and read_secret else value


def _must(be: str, test: Callable[[Value], object]) -> AfterValidator:
    """What a value must be, in words and as a test that it passes."""

    def check(value: Value) -> Value:
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


def _is_p256_key(value: str) -> bool:
    try:
        der = base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return len(der) == _P256_LENGTH and der.startswith(_P256_PREFIX)


def _is_pair(value: SecretStr) -> bool:
    return all(value.get_secret_value().partition(":"))


def _is_queue_url(value: str) -> bool:
    parts = urlsplit(value)
    return bool(
        parts.scheme in {"http", "https"} and parts.hostname and parts.path not in {"", "/"}
    )


Resolved = BeforeValidator(_resolved)
"""What a reference leads to, if the context of the validation is a ``ReadSecret``."""

CommaSeparated = Annotated[tuple[Item, ...], BeforeValidator(_split)]
Origin = Annotated[str, AfterValidator(_origin)]
TenantsSource = Annotated[str, _must("file:PATH or secretsmanager:NAME", is_reference)]
AccountSid = Annotated[
    str, _must("AC and 32 hex digits", re.compile(r"AC[0-9a-fA-F]{32}").fullmatch)
]
P256Key = Annotated[
    str, _must("public keys in base64 (P-256), as SendGrid shows them", _is_p256_key)
]
BasicAuthPair = Annotated[SecretStr, _must("user:password, several separated by commas", _is_pair)]
MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
QueueUrl = Annotated[
    str, _must("the URL of a queue, like https://sqs.REGION.amazonaws.com/1/NAME", _is_queue_url)
]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


def problems_of(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where each wrong value stands, and what is wrong with it. Never a value itself."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        yield detail["loc"], detail["msg"].removeprefix("Value error, ")
