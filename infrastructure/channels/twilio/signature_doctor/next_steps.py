"""What to look at when no variation of a request has its signature."""

import re
from collections.abc import Iterator, Sequence

from application.ports.signature_doctor import Capture
from infrastructure.channels.remedies import RESTART
from infrastructure.channels.twilio.signature_doctor.secret_variations import looks_like_token
from infrastructure.configuration.secrets.secret_references import is_reference
from infrastructure.configuration.settings import Settings

_REPLACEMENT_CHARACTERS = (b"%EF%BF%BD", b"\xef\xbf\xbd")
_MASKED = re.compile(rb"(?i)redacted|\*{3,}|%2A%2A%2A|\[filtered\]|xxxxxx")


def next_steps(
    capture: Capture,
    account_sid: str | None,
    tokens: Sequence[str],
    settings: Settings,
    *,
    has_url: bool,
) -> Iterator[str]:
    """The likeliest first. ``has_url``: whether the operator has given the URL at Twilio."""
    if capture.flaw:
        yield f"Capture again: {capture.flaw}"
    if any(mark in capture.body for mark in _REPLACEMENT_CHARACTERS):
        yield (
            "The body has replacement characters (U+FFFD): something has decoded it in the wrong "
            "character set, and what they stood for is gone. Find that program: no setting helps"
        )
    if _MASKED.search(capture.body):
        yield "Parts of the body look masked: capture again without masking"
    *before, copy = token_steps(account_sid, tokens, settings)
    yield from before
    yield (
        f"{copy}. Test credentials, another account's token and a token that was rotated since "
        "sign otherwise: try another one with --secret"
    )
    if not has_url:
        yield "Give the URL as Twilio's console shows it, with --url"
    yield (
        "Capture the request again as close to Frontdesk as you can, with its raw body: what a "
        "program has decoded cannot always be undone, as a '?' in the place of another character"
    )


def token_steps(
    account_sid: str | None, tokens: Sequence[str], settings: Settings
) -> Iterator[str]:
    """What may be wrong with the token."""
    if any(not looks_like_token(token) for token in tokens):
        yield (
            "The token has not the form of an auth token (32 digits 0-9, a-f): the secret of an "
            "API key signs no webhooks"
        )
    account = f"account {account_sid}" if account_sid else "the account"
    place = _place_of_token(settings)
    yield f"Copy the auth token of {account} from Twilio's console into {place}"


def _place_of_token(settings: Settings) -> str:
    """Where the token belongs, and whether a server must be restarted then."""
    token = settings.twilio_auth_token
    if settings.tenants:
        return "TENANTS: Frontdesk reads it again by itself"
    if token and is_reference(token.get_secret_value()):
        return "the secret that TWILIO_AUTH_TOKEN names: Frontdesk reads it again by itself"
    return f"TWILIO_AUTH_TOKEN, and {RESTART}"
