"""Settings that contradict each other, or lack another one."""

from collections.abc import Callable, Iterator, Mapping

from domain.routing import ALL_QUEUES, QueueName

Given = Mapping[str, str]
"""The variables that are set, by name."""

_Contradiction = tuple[Callable[[Given], bool], str]

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
        lambda env: "SENDGRID_API_KEY" in env and not any(name in env for name in _PROOFS),
        f"SENDGRID_API_KEY sends and proves nothing: set one of {', '.join(_PROOFS[1:])} beside it",
    ),
    (
        lambda env: "TENANTS" in env and any(name in env for name in _SINGLE_COMPANY),
        "TENANTS contradicts the variables of a single company: "
        f"unset it, or all of {', '.join(_SINGLE_COMPANY)}",
    ),
    (
        lambda env: (
            any(env.get(variable) == backend for variable, backend in _NEEDED_BY)
            and not any(name in env for name in _PROOFS)
        ),
        "STORAGE=dynamodb and QUEUE=sqs refuse the development secret, and there is no other: "
        f"set one of {', '.join(_PROOFS)}",
    ),
)


def renamed(environ: Mapping[str, str]) -> Iterator[str]:
    """Which variables of ``environ`` have an old name."""
    return (
        f"{old} is now called {new}: set that instead"
        for old, new in RENAMED.items()
        if environ.get(old, "").strip()
    )


def contradictions(given: Given, *, on_lambda: bool = False) -> Iterator[str]:
    """What is wrong with ``given`` as a whole, by the names of the variables."""
    if on_lambda:
        yield from (
            f"{variable}: a function on Lambda has no disk that stays: set {variable}={backend}"
            for variable, backend in _NEEDED_BY
            if given.get(variable, "sqlite") == "sqlite"
        )
    yield from (message for holds, message in _CONTRADICTIONS if holds(given))
    yield from (
        f"{name} is a FIFO queue, on which SQS takes no delay for each message: "
        "give a standard queue, order comes from the store"
        for name in map(queue_variable, ALL_QUEUES)
        if given.get(name, "").endswith(".fifo")
    )
    missing: dict[str, str] = {}
    for (variable, backend), needed in _NEEDED_BY.items():
        if given.get(variable) == backend:
            for name in needed:
                missing.setdefault(name, f"{name} is missing: {variable}={backend} needs it")
    yield from (message for name, message in missing.items() if name not in given)
