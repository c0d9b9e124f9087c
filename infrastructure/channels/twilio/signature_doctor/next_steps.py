"""What to look at when no variation of a request has its signature."""

import re
from collections.abc import Iterator, Sequence

from application.ports.signature_doctor import Capture
from infrastructure.channels.twilio.signature_doctor.secret_variations import looks_like_token

_REPLACEMENT_CHARACTERS = (b"%EF%BF%BD", b"\xef\xbf\xbd")
_MASKED = re.compile(rb"(?i)redacted|\*{3,}|%2A%2A%2A|\[filtered\]|xxxxxx")


def next_steps(
    capture: Capture, account_sid: str | None, tokens: Sequence[str], *, has_url: bool
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
    *before, compare = token_steps(account_sid, tokens)
    yield from before
    yield f"{compare}. Try another one with --secret"
    if not has_url:
        yield "Give the URL as Twilio's console shows it, with --url"
    yield (
        "Capture the request again as close to Frontdesk as you can, with its raw body: what a "
        "program has decoded cannot always be undone, as a '?' in the place of another character"
    )


def token_steps(account_sid: str | None, tokens: Sequence[str]) -> Iterator[str]:
    """What may be wrong with the token."""
    if any(not looks_like_token(token) for token in tokens):
        yield (
            "The token has not the form of an auth token (32 digits 0-9, a-f): the secret of an "
            "API key signs no webhooks"
        )
    yield (
        f"Compare the auth token with the one that Twilio's console shows for account "
        f"{account_sid or 'of the form'}: test credentials, another account's token and a token "
        "that was rotated since sign otherwise"
    )
