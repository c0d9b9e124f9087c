"""What became of a fallback, in a sentence."""

from datetime import timedelta

from application.tracing.wording import duration
from domain.messages import InboundMessage
from domain.times import readable
from domain.trail import FallbackOutcome, FallbackResult

_REASONS = {
    "opt_out_type": "the provider marked it as an opt-out word, and answers it",
    "opt_out_word": "its text is STOP, START or HELP, which the provider handles",
    "own_address": "{sender} is one of our own addresses, by OWN_ADDRESSES",
    "short_code": "{sender} is a short code, and short codes are never answered",
    "alphanumeric_sender": "its sender is a name, and no answer reaches a name",
    "unknown_scheme": "{sender} is no ordinary address of this channel",
    "stale": "the message was over an hour old when it was recorded",
    "null_sender": "the mail has no sender to answer",
    "auto_submitted": "its header Auto-Submitted says that a program sent it",
    "bulk_precedence": "its header Precedence says that it is bulk mail",
    "response_suppressed": "its header asks for no automatic answers",
    "auto_response_header": "its headers say that it is an automatic answer",
    "calendar_message": "it is a message of a calendar",
    "automatic_subject": "its subject is that of an automatic answer",
    "machine_mailbox": "{sender} is a mailbox of a program",
    "mailing_list": "a mailing list sent it",
    "report": "it is a report of a mail server",
    "unauthenticated_author": "neither SPF nor DKIM proves who wrote it",
    "spam": "it is marked as spam",
    "not_addressed_to_us": "the mail is not addressed to us",
    "already_answered": (
        "the sender had got one before, and FALLBACK_WINDOW_SECONDS allows one in {window}"
    ),
    "hourly_limit": "as many as FALLBACK_MAX_PER_HOUR allows were sent in that hour",
    "no_sender": "this channel has no credentials to send one with",
    "not_reached": "there was no connection to the provider (the log says why)",
    "refused": "the provider refused to send it (the log says why)",
    "not_sent": (
        "the provider was not reached, refused it, or there were no credentials (the log says "
        "which)"
    ),
    "throttle_unavailable": "the store did not say whether the sender had got one before",
}


def fallback_words(
    fallback: FallbackOutcome | None, message: InboundMessage, window: timedelta
) -> str:
    """What the unknown sender of ``message`` got; one fallback is sent within a ``window``."""
    if fallback is None:
        return "What became of its fallback is in the log alone."
    at = readable(fallback.at)
    match fallback.result:
        case FallbackResult.SENT:
            return f"The fallback was sent at {at}."
        case FallbackResult.WRITTEN_TO_FILE:
            return (
                "The fallback went to the file fallbacks.jsonl, because no provider's secrets are "
                "set."
            )
        case FallbackResult.UNCERTAIN:
            return f"The provider did not say at {at} whether it sent the fallback."
    reason = fallback.reason or ""
    why = _REASONS.get(reason, f"a program seems to have written it ({reason})")
    each = duration(window.total_seconds())
    return f"No fallback was sent: {why.format(sender=message.sender.value, window=each)}."
