"""How to tell a machine's mail from a person's (RFC 3834, RFC 5230 and what mailers do)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Suppression(StrEnum):
    """Why an automatic answer was not sent. Logged and counted under these names."""

    OPT_OUT_TYPE = "opt_out_type"
    OPT_OUT_WORD = "opt_out_word"
    OWN_ADDRESS = "own_address"
    SHORT_CODE = "short_code"
    ALPHANUMERIC_SENDER = "alphanumeric_sender"
    UNKNOWN_SCHEME = "unknown_scheme"
    STALE = "stale"
    NULL_SENDER = "null_sender"
    AUTO_SUBMITTED = "auto_submitted"
    MAILING_LIST = "mailing_list"
    BULK_PRECEDENCE = "bulk_precedence"
    MACHINE_MAILBOX = "machine_mailbox"
    RESPONSE_SUPPRESSED = "response_suppressed"
    AUTO_RESPONSE_HEADER = "auto_response_header"
    REPORT = "report"
    NOT_ADDRESSED_TO_US = "not_addressed_to_us"
    UNAUTHENTICATED_AUTHOR = "unauthenticated_author"
    SPAM = "spam"
    ALREADY_ANSWERED = "already_answered"
    HOURLY_LIMIT = "hourly_limit"


@dataclass(frozen=True, slots=True)
class MailTraits:
    """What an email says about how it came to be.

    ``headers`` maps lower-case names to their unfolded values in order. ``envelope_sender``
    is the return path: empty for bounces, ``None`` when the provider did not name one.
    """

    headers: Mapping[str, tuple[str, ...]]
    envelope_sender: str | None
    addressed_to_us: bool = True
    spam_score: float | None = None

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header without comments and parameters, in lower case."""
        return tuple(_bare(value) for value in self.headers.get(name, ()))


SPAM_SCORE_LIMIT = 5.0
"""SpamAssassin's own threshold; SendGrid passes its score on."""

_LIST_HEADERS = (
    "list-id",
    "list-help",
    "list-subscribe",
    "list-unsubscribe",
    "list-post",
    "list-owner",
    "list-archive",
)
_BULK_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply"})
_AUTO_RESPONSE_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-loop",
    "x-failed-recipients",
    "x-mail-autoreply",
)
_SUPPRESSING = frozenset({"all", "oof", "autoreply"})
_MACHINE_LOCAL_PART = re.compile(
    r"""
    mailer[-_.]?daemon | postmaster | listserv | majordomo | mailman | auto[-_.]?repl(y|ies)
    | (do[-_.]?)?not?[-_.]?reply ([-_.+].*)? | bounces? ([-_.+].*)?
    | .*[-_.]no[-_.]?reply | owner[-].* | .*-(request|owner|bounces?)
    | (.*[-_.])? (automated | notif(y|ier|ications?) | alerts?) ([-_.+].*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_machine_mailbox(local_part: str) -> bool:
    """Whether the part of an address before the ``@`` names a program rather than a person."""
    return _MACHINE_LOCAL_PART.fullmatch(local_part) is not None


def sign_of_automation(traits: MailTraits) -> Suppression | None:
    """The first sign that a program wrote this mail; ``None`` if it looks like a person's."""
    return next((reason for reason, holds in _SIGNS if holds(traits)), None)


def _null_sender(traits: MailTraits) -> bool:
    return (traits.envelope_sender or "").strip() in {"", "<>"}


def _auto_submitted(traits: MailTraits) -> bool:
    return any(value not in {"", "no"} for value in traits.values("auto-submitted"))


def _mailing_list(traits: MailTraits) -> bool:
    return any(name in traits.headers for name in _LIST_HEADERS)


def _bulk(traits: MailTraits) -> bool:
    return not _BULK_PRECEDENCES.isdisjoint(traits.values("precedence"))


def _response_suppressed(traits: MailTraits) -> bool:
    listed = ",".join(traits.headers.get("x-auto-response-suppress", ()))
    return not _SUPPRESSING.isdisjoint(part.strip().lower() for part in listed.split(","))


def _auto_response_header(traits: MailTraits) -> bool:
    return any(value != "no" for name in _AUTO_RESPONSE_HEADERS for value in traits.values(name))


def _report(traits: MailTraits) -> bool:
    return "multipart/report" in traits.values("content-type")


def _machine_mailbox(traits: MailTraits) -> bool:
    local_part = (traits.envelope_sender or "").strip("<> ").rpartition("@")[0]
    return is_machine_mailbox(local_part)


def _not_addressed_to_us(traits: MailTraits) -> bool:
    return not traits.addressed_to_us


def _spam(traits: MailTraits) -> bool:
    return traits.spam_score is not None and traits.spam_score >= SPAM_SCORE_LIMIT


_SIGNS = (
    (Suppression.NULL_SENDER, _null_sender),
    (Suppression.AUTO_SUBMITTED, _auto_submitted),
    (Suppression.MAILING_LIST, _mailing_list),
    (Suppression.BULK_PRECEDENCE, _bulk),
    (Suppression.RESPONSE_SUPPRESSED, _response_suppressed),
    (Suppression.AUTO_RESPONSE_HEADER, _auto_response_header),
    (Suppression.REPORT, _report),
    (Suppression.MACHINE_MAILBOX, _machine_mailbox),
    (Suppression.NOT_ADDRESSED_TO_US, _not_addressed_to_us),
    (Suppression.SPAM, _spam),
)


def _bare(value: str) -> str:
    """A structured header value without comments and parameters: ``no; x=1 (y)`` is ``no``."""
    without_comments = re.sub(r"\([^()]*\)", " ", value)
    return without_comments.partition(";")[0].strip().lower()
