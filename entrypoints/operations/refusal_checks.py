"""The refusals of the last hour, and what an operator can do about each."""

from collections.abc import Iterator
from datetime import timedelta

from application.ports.checks import CheckStatus
from application.ports.refusals import Refusal
from domain.channels import ChannelType
from domain.times import rfc3339
from entrypoints.composition.container import Container

RECENT = timedelta(hours=1)
MOST_LINES = 10

Found = tuple[CheckStatus, str]

_OF_EVERY_CHANNEL = {
    "account_unknown": (
        "these name no account of the settings: strangers, or an account or subaccount that is "
        "missing there"
    ),
    "signature_ill_formed": "the header is no signature: these are forged, or a proxy changes it",
    "header_repeated": "a header stands there twice: a proxy adds it once more",
}
_OF_MAIL = {
    "account_unknown": (
        "these have neither SendGrid's signature nor a known user: strangers or a probe; or the "
        "signature is not switched on for the parse setting at SendGrid"
    ),
    "signature_mismatch": (
        "the key is not the one of the parse setting at SendGrid (SENDGRID_WEBHOOK_PUBLIC_KEY), "
        "or a proxy changes the body"
    ),
    "signature_missing": (
        "no signature came: switch it on in the security policy of the parse setting, and let "
        "the proxy pass on X-Twilio-Email-Event-Webhook-Signature"
    ),
    "timestamp_missing": (
        "the proxy must pass on X-Twilio-Email-Event-Webhook-Timestamp beside the signature"
    ),
    "timestamp_ill_formed": "the timestamp is no number: these are forged",
    "timestamp_outside_tolerance": (
        "compare the clock of this machine; real mail is at most 72 h old "
        "(SENDGRID_TOLERANCE_SECONDS), so these may be captured requests"
    ),
    "basic_missing": (
        "SENDGRID_BASIC_AUTH is set, and no user came: the URL at SendGrid must begin with "
        "https://USER:PASSWORD@, and the proxy must pass on Authorization"
    ),
    "basic_mismatch": ("user or password in the URL at SendGrid differ from SENDGRID_BASIC_AUTH"),
    "no_secret_configured": (
        "neither SENDGRID_WEBHOOK_PUBLIC_KEY nor SENDGRID_BASIC_AUTH is set: without one no mail "
        "is accepted"
    ),
}
_OF_TWILIO = {
    "signature_mismatch": (
        "compare these URLs with the one in Twilio's console, byte for byte (PUBLIC_BASE_URL, "
        "SMS_WEBHOOK_URL, WHATSAPP_WEBHOOK_URL); if one is the same, the token is another one; "
        "'frontdesk doctor signature' finds out with a captured request"
    ),
    "signature_missing": "the proxy must pass on X-Twilio-Signature, once",
    "not_a_form": "the content type is not that of a form: set the webhook to HTTP POST at Twilio",
}


def remedy(channel: ChannelType, reason: str) -> str:
    """What an operator can do about a refusal, in a sentence."""
    own = _OF_MAIL if channel is ChannelType.EMAIL else _OF_TWILIO
    return own.get(reason) or _OF_EVERY_CHANNEL.get(reason, "the log has more")


def check_refusals(container: Container) -> Iterator[Found]:
    """A line for each kind of refusal of the last hour, the latest first."""
    refusals = container.refusals()
    since = container.clock()() - RECENT
    recent = [refusal for refusal in refusals.latest() if refusal.last_at >= since]
    for refusal in recent[:MOST_LINES]:
        yield CheckStatus.WARNING, refusal_line(refusal)
    if more := len(recent[MOST_LINES:]):
        yield CheckStatus.WARNING, f"{more} more kinds in the last hour"
    notice = refusals.notice()
    if notice:
        yield CheckStatus.SKIPPED, notice
    elif not recent:
        yield CheckStatus.OK, "none in the last hour"


def refusal_line(refusal: Refusal) -> str:
    """How often, since when, why, for which URLs, and what to do."""
    times = "once" if refusal.count == 1 else f"{refusal.count} times"
    if refusal.count == 1:
        when = f"at {rfc3339(refusal.last_at)}"
    else:
        when = f"from {rfc3339(refusal.first_at)} to {rfc3339(refusal.last_at)}"
    account = f" of {refusal.account}" if refusal.account else ""
    tried = f", tried {refusal.tried_urls}" if refusal.tried_urls else ""
    advice = remedy(refusal.channel, refusal.reason)
    return f"{refusal.channel}: {times} {when}, {refusal.reason}{account}{tried}: {advice}"
