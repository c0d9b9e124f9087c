"""What settings may be all together. What one may be is in ``setting_values``."""

from collections.abc import Iterator, Mapping

from domain.queues import ALL_QUEUES, QueueName

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
