"""What became of a fallback, as a part of a sentence."""

from datetime import datetime

from application.tracing.wording import clock_time
from domain.trail import FallbackOutcome, FallbackResult

_REASONS = {
    "opt_out_type": "none, for the provider had taken it as an opt-out word",
    "opt_out_word": "none, for it is one of the words STOP, START and HELP",
    "own_address": "none, for it is one of our own addresses",
    "short_code": "none, for short codes are never answered",
    "alphanumeric_sender": "none, for such a name cannot be answered",
    "unknown_scheme": "none, for it is no ordinary address of this channel",
    "stale": "none, for the message was over an hour old",
    "machine_mailbox": "none, for this is a mailbox of a program",
    "mailing_list": "none, for a mailing list sent it",
    "report": "none, for it is a report of a mail server",
    "unauthenticated_author": "none, for who wrote it is not authenticated",
    "spam": "none, for it is marked as spam",
    "not_addressed_to_us": "none, for the mail is not addressed to us",
    "already_answered": "no second one within the same window",
    "hourly_limit": "none, for the hourly limit was reached (FALLBACK_MAX_PER_HOUR)",
    "no_sender": "none, for the channel has no credentials to send one with",
    "not_sent": "none, for the provider refused it: the log says why",
    "throttle_unavailable": "none, for the store did not answer",
}
"""What the sender got. Every other reason is a sign of automated mail."""


def fallback_words(fallback: FallbackOutcome | None, now: datetime) -> str:
    """What an unknown sender got as a fallback."""
    if fallback is None:
        return "what became of its fallback is in the log alone"
    at = clock_time(fallback.at, now)
    match fallback.result:
        case FallbackResult.SENT:
            return f"the sender got the fallback at {at}"
        case FallbackResult.WRITTEN_TO_FILE:
            return "the fallback went to fallbacks.jsonl, for no provider's secrets are set"
        case FallbackResult.UNCERTAIN:
            return f"the provider did not say at {at} whether it sent the fallback"
    reason = fallback.reason or ""
    got = _REASONS.get(reason, f"none, for a program seems to have written it ({reason})")
    return f"of the fallback the sender got {got}"
