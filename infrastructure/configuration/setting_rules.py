"""What settings may be, each by itself and all together. Messages never show a value."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
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

from domain.routing import ALL_QUEUES, QueueName
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


Given = Mapping[str, str]
"""The variables that are set, by name."""

_SINGLE_COMPANY = (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "SENDGRID_WEBHOOK_PUBLIC_KEY",
    "SENDGRID_BASIC_AUTH",
    "SENDGRID_API_KEY",
)
_PROOFS = ("TENANTS", "TWILIO_AUTH_TOKEN", "SENDGRID_WEBHOOK_PUBLIC_KEY", "SENDGRID_BASIC_AUTH")


def queue_variable(queue: QueueName) -> str:
    """The variable that holds the URL of ``queue`` on SQS."""
    return f"{queue.channel}_{queue.kind}_QUEUE_URL".upper()


_NEEDED_BY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("STORAGE", "dynamodb"): (
        "CONVERSATIONS_TABLE",
        "MESSAGES_TABLE",
        "PARTICIPANTS_TABLE",
        "FALLBACK_THROTTLE_TABLE",
        "BLOBS_BUCKET",
        "SPOOL_QUEUE_URL",
    ),
    # What is too large for a queue must be where the consumers of SQS can read it.
    ("QUEUE", "sqs"): (*map(queue_variable, ALL_QUEUES), "BLOBS_BUCKET"),
}
RENAMED: Mapping[str, str] = {"CLAIMS_TABLE": "FALLBACK_THROTTLE_TABLE"}
"""What settings were called in unreleased versions, and what they are called now."""

_NEEDED_BESIDE = {
    "TWILIO_AUTH_TOKEN": "TWILIO_ACCOUNT_SID",
    "TWILIO_ACCOUNT_SID": "TWILIO_AUTH_TOKEN",
    "SENDGRID_API_KEY": "FALLBACK_EMAIL_FROM",
}


def contradictions(given: Given, *, on_lambda: bool = False) -> Iterator[str]:
    """What is wrong with ``given`` as a whole, by the names of the variables."""
    if on_lambda:
        yield from (
            f"{variable}: a function on Lambda has no disk that stays: set {variable}={backend}"
            for variable, backend in _NEEDED_BY
            if given.get(variable, "sqlite") == "sqlite"
        )
    can_verify = any(name in given for name in _PROOFS)
    if "SENDGRID_API_KEY" in given and not can_verify:
        yield (
            "SENDGRID_API_KEY sends and proves nothing: "
            f"set one of {', '.join(_PROOFS[1:])} beside it"
        )
    if "TENANTS" in given and any(name in given for name in _SINGLE_COMPANY):
        yield (
            "TENANTS contradicts the variables of a single company: "
            f"unset it, or all of {', '.join(_SINGLE_COMPANY)}"
        )
    if not can_verify and any(given.get(variable) == backend for variable, backend in _NEEDED_BY):
        yield (
            "STORAGE=dynamodb and QUEUE=sqs refuse the development secret, and there is no other: "
            f"set one of {', '.join(_PROOFS)}"
        )
    yield from (
        f"{name} is a FIFO queue, on which SQS takes no delay for each message: "
        "give a standard queue, order comes from the store"
        for name in map(queue_variable, ALL_QUEUES)
        if given.get(name, "").endswith(".fifo")
    )
    needs = {name: by for by, name in _NEEDED_BESIDE.items() if by in given}
    for (variable, backend), names in _NEEDED_BY.items():
        if given.get(variable) == backend:
            needs |= dict.fromkeys(names, f"{variable}={backend}")
    yield from (
        f"{name} is missing: {by} needs it" for name, by in needs.items() if name not in given
    )
