"""How to tell a machine's mail from a person's (RFC 3834, RFC 5230 and what mailers do)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Suppression(StrEnum):
    """Why a fallback was not sent. Logged and counted under these names."""

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
    CALENDAR_MESSAGE = "calendar_message"
    AUTOMATIC_SUBJECT = "automatic_subject"
    NOT_ADDRESSED_TO_US = "not_addressed_to_us"
    UNAUTHENTICATED_AUTHOR = "unauthenticated_author"
    SPAM = "spam"
    ALREADY_ANSWERED = "already_answered"
    HOURLY_LIMIT = "hourly_limit"
    NO_SENDER = "no_sender"


@dataclass(frozen=True, slots=True)
class NotableHeaders:
    """What an email says about how it came to be.

    ``headers`` maps lower-case names to their unfolded values in order. ``envelope_sender``
    is the return path: empty for bounces, ``None`` when the provider did not name one.
    ``calendar_message`` is true for what calendars send each other (RFC 5546).
    """

    headers: Mapping[str, tuple[str, ...]]
    envelope_sender: str | None
    addressed_to_us: bool = True
    spam_score: float | None = None
    subject: str | None = None
    calendar_message: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header without comments and parameters, in lower case."""
        return tuple(_bare(value) for value in self.headers.get(name, ()))


class AutomatedKind(StrEnum):
    """What a mail is that a program wrote. Consumers know them by these names."""

    REPORT = "report"
    CALENDAR = "calendar"
    MAILING_LIST = "mailing_list"
    AUTO_REPLY = "auto_reply"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class AutomatedMark:
    """What a mail is that a program wrote, and the sign that told so."""

    kind: AutomatedKind
    sign: Suppression


SPAM_SCORE_LIMIT = 5.0
"""SpamAssassin's own threshold; SendGrid passes its score on."""

LIST_HEADER = re.compile(
    r"list-(?:id|help|subscribe|unsubscribe|post|owner|archive)"
    r"|(?:x-)?mailing-list|x-beenthere|x-mailman-version|x-campaign(?:-?id)?|x-csa-complaints"
)
"""Headers of mail to many (RFC 2369, RFC 2919, and what was there before them)."""

AUTO_RESPONSE_HEADER = re.compile(
    r"x-(?:[a-z]{1,20}-)?auto-?(?!response-suppress)(?:reply|respon[ds]|generated)[a-z-]{0,40}"
    r"|x-vacation"
    r"|x-(?:[a-z]{1,20}-)?loop(?:-prevention)?|x-failed-recipients|x-cron-env"
    r"|x-(?:[a-z]{1,20}-)?(?:machine)?generated"
)
"""Headers of autoresponders, ticket systems and scheduled jobs."""

_REPORT_TYPES = frozenset(
    {"multipart/report", "message/delivery-status", "message/disposition-notification"}
)
PRECEDENCE_HEADERS = ("precedence", "x-precedence", "preference")
"""The last is what hosting panels write, in place of the first."""

_BULK_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply"})
_SUPPRESSING = frozenset({"all", "oof", "autoreply"})
_MACHINE_LOCAL_PART = re.compile(
    r"""
    mailer[-_.]?daemon | postmaster | listserv | majordomo | mailman | auto[-_.]?repl(y|ies)
    | (do[-_.]?)?not?[-_.]?reply ([-_.+].*)? | bounces? ([-_.+].*)?
    | .*[-_.]no[-_.]?reply | owner[-].* | .*-(request|owner|bounces?)
    | (.*[-_.])? (automated | notif(y|ier|ications?) | alerts?) ([-_.+].*)?
    | no[-_.]?respond(er|a) | n[aã]o[-_.]?respond[ae]r? | non[-_.]?rispondere
    | ne[-_.]?pas[-_.]?r[eé]pondre | nicht[-_.]?antworten | keine[-_.]?antwort
    | root | daemon | cron | nobody | www[-_.]?data | apache | dmarc.*
    | nagios | icinga | zabbix | alertmanager | prometheus | jenkins | logwatch
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_machine_mailbox(local_part: str) -> bool:
    """Whether the part of an address before the ``@`` names a program rather than a person."""
    return _MACHINE_LOCAL_PART.fullmatch(local_part) is not None


def sign_of_automated_mail(notable_headers: NotableHeaders) -> Suppression | None:
    """The first sign that a program wrote this mail; ``None`` if it looks like a person's."""
    return next((reason for reason, holds in _SIGNS if holds(notable_headers)), None)


def automated_mark_of(mail: NotableHeaders, author_local_part: str) -> AutomatedMark | None:
    """What a mail is that a program wrote, and the first sign; ``None`` if it is a person's."""
    signs = [sign for sign, holds in _SIGNS if sign not in _NOT_OF_PROGRAMS and holds(mail)]
    if is_machine_mailbox(author_local_part):
        signs.append(Suppression.MACHINE_MAILBOX)
    if not signs:
        return None
    return AutomatedMark(_kind(mail, frozenset(signs), author_local_part), signs[0])


def _kind(
    mail: NotableHeaders, signs: frozenset[Suppression], author_local_part: str
) -> AutomatedKind:
    """What says most comes first: an automatic reply may have the envelope of a bounce."""
    names = ("auto-submitted", *PRECEDENCE_HEADERS)
    says_reply = any(value in _REPLIES for name in names for value in mail.values(name))
    if (
        Suppression.REPORT in signs
        or "x-failed-recipients" in mail.headers
        or _POSTMASTER.fullmatch(author_local_part)
        or (not signs.isdisjoint(_REPORT_SIGNS) and _has_subject_of_report(mail))
    ):
        return AutomatedKind.REPORT
    if Suppression.CALENDAR_MESSAGE in signs:
        return AutomatedKind.CALENDAR
    if Suppression.MAILING_LIST in signs:
        return AutomatedKind.MAILING_LIST
    if says_reply or not signs.isdisjoint(_REPLY_SIGNS):
        return AutomatedKind.AUTO_REPLY
    if Suppression.BULK_PRECEDENCE in signs:
        return AutomatedKind.MAILING_LIST
    is_bounce = signs == {Suppression.NULL_SENDER}
    return AutomatedKind.REPORT if is_bounce else AutomatedKind.NOTIFICATION


def _is_mailing_list(mail: NotableHeaders) -> bool:
    return any(LIST_HEADER.fullmatch(name) for name in mail.headers)


def _is_bulk(mail: NotableHeaders) -> bool:
    precedences = (value for name in PRECEDENCE_HEADERS for value in mail.values(name))
    return not _BULK_PRECEDENCES.isdisjoint(precedences)


def _suppresses_responses(mail: NotableHeaders) -> bool:
    listed = ",".join(mail.headers.get("x-auto-response-suppress", ()))
    return not _SUPPRESSING.isdisjoint(part.strip().lower() for part in listed.split(","))


def _has_auto_response_header(mail: NotableHeaders) -> bool:
    names = filter(AUTO_RESPONSE_HEADER.fullmatch, mail.headers)
    says_so = any(value != "no" for name in names for value in mail.values(name))
    message_classes = " ".join(mail.headers.get("x-post-messageclass", ())).lower()
    return says_so or "autoresponder" in message_classes


def _has_subject_of_report(mail: NotableHeaders) -> bool:
    from domain.automated_subjects import REPORT_SUBJECT

    return REPORT_SUBJECT.match(mail.subject or "") is not None


def _has_automatic_subject(mail: NotableHeaders) -> bool:
    from domain.automated_subjects import AUTOMATIC_SUBJECT  # large: no other channel needs it

    return AUTOMATIC_SUBJECT.match(" ".join((mail.subject or "").split())) is not None


def _has_machine_mailbox(mail: NotableHeaders) -> bool:
    return is_machine_mailbox((mail.envelope_sender or "").strip("<> ").rpartition("@")[0])


_SIGNS: tuple[tuple[Suppression, Callable[[NotableHeaders], bool]], ...] = (
    (Suppression.NULL_SENDER, lambda mail: (mail.envelope_sender or "").strip() in {"", "<>"}),
    (
        Suppression.AUTO_SUBMITTED,
        lambda mail: not {"", "no"}.issuperset(mail.values("auto-submitted")),
    ),
    (Suppression.MAILING_LIST, _is_mailing_list),
    (Suppression.BULK_PRECEDENCE, _is_bulk),
    (Suppression.RESPONSE_SUPPRESSED, _suppresses_responses),
    (Suppression.AUTO_RESPONSE_HEADER, _has_auto_response_header),
    (
        Suppression.REPORT,
        lambda mail: not _REPORT_TYPES.isdisjoint(mail.values("content-type")),
    ),
    (Suppression.MACHINE_MAILBOX, _has_machine_mailbox),
    (Suppression.CALENDAR_MESSAGE, lambda mail: mail.calendar_message),
    (Suppression.AUTOMATIC_SUBJECT, _has_automatic_subject),
    (Suppression.NOT_ADDRESSED_TO_US, lambda mail: not mail.addressed_to_us),
    (Suppression.SPAM, lambda mail: (mail.spam_score or 0) >= SPAM_SCORE_LIMIT),
)


_NOT_OF_PROGRAMS = frozenset({Suppression.NOT_ADDRESSED_TO_US, Suppression.SPAM})
_POSTMASTER = re.compile(r"mailer[-_.]?daemon|postmaster", re.IGNORECASE)
_REPLY_SIGNS = frozenset(
    {
        Suppression.AUTOMATIC_SUBJECT,
        Suppression.AUTO_RESPONSE_HEADER,
        Suppression.RESPONSE_SUPPRESSED,
    }
)
_REPORT_SIGNS = frozenset({Suppression.AUTOMATIC_SUBJECT, Suppression.NULL_SENDER})
_REPLIES = frozenset({"auto-replied", "auto_reply", "junk"})


def _bare(value: str) -> str:
    """A structured header value without comments and parameters: ``no; x=1 (y)`` is ``no``."""
    without_comments = re.sub(r"\([^()]*\)", " ", value)
    return without_comments.partition(";")[0].strip().lower()
