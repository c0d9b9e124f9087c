"""What settings may be, each by itself and all together. Messages never show a value."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from domain.queues import ALL_QUEUES, QueueName
from infrastructure.configuration.secrets.accounts import must
from infrastructure.configuration.secrets.secret_references import is_reference

Item = TypeVar("Item")


def _split(value: object) -> object:
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise ValueError("must have a value, several separated by commas")
        if any(map(is_reference, parts)):
            # It would be the secret itself, and anybody may guess it.
            raise ValueError("must have no reference among its values: one may stand for all")
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


def _is_queue_url(value: str) -> bool:
    parts = urlsplit(value)
    return bool(
        parts.scheme in {"http", "https"} and parts.hostname and parts.path not in {"", "/"}
    )


CommaSeparated = Annotated[tuple[Item, ...], BeforeValidator(_split)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url)]
TenantsSource = Annotated[str, must("file:PATH or secretsmanager:NAME", is_reference)]
QueueUrl = Annotated[
    str, must("the URL of a queue, like https://sqs.REGION.amazonaws.com/1/NAME", _is_queue_url)
]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


def problems_of(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where each wrong value stands, and what is wrong with it. Never a value itself."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        yield detail["loc"], detail["msg"].removeprefix("Value error, ")


Given = Mapping[str, str]
"""The variables that are set, by name."""

_PROOFS = ("TENANTS", "TWILIO_AUTH_TOKEN", "SENDGRID_WEBHOOK_PUBLIC_KEY", "SENDGRID_BASIC_AUTH")
_SINGLE_COMPANY = ("TWILIO_ACCOUNT_SID", *_PROOFS[1:], "SENDGRID_API_KEY")


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
