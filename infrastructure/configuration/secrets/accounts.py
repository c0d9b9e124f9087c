"""Provider accounts, with the secrets that prove and use them. No ``repr`` shows a secret."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

from infrastructure.configuration.secrets.secret import Secret

SINGLE_SENDGRID_ACCOUNT = "sendgrid"
"""The name of the account where the settings describe one company."""

# The DER of every uncompressed P-256 SubjectPublicKeyInfo begins with these bytes.
_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_LENGTH = 91


def must(be: str, test: Callable[[str], object]) -> Callable[[str], str]:
    """What a text must be, in words and as a test that it passes. The words never show it."""

    def check(text: str) -> str:
        if not test(text):
            raise ValueError(f"must be {be}")
        return text

    return check


def _is_p256_key(text: str) -> bool:
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len(der) == _P256_LENGTH and der.startswith(_P256_PREFIX)


read_twilio_account_sid = must("AC and 32 hex digits", re.compile(r"AC[0-9a-fA-F]{32}").fullmatch)
read_p256_key = must("public keys in base64 (P-256), as SendGrid shows them", _is_p256_key)
read_basic_auth_pair = must(
    "user:password, several separated by commas", lambda text: all(text.partition(":"))
)
read_mail_address = must("a mail address", re.compile(r"[^@\s<>]+@[^@\s<>]+").fullmatch)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """A Twilio account or subaccount. Any of its tokens proves a webhook; the first one sends."""

    account_sid: str
    auth_tokens: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class SendgridAccount:
    """A SendGrid account, under a name that the operator chose: its webhooks name none.

    ``public_keys`` are SubjectPublicKeyInfo DER in base64, as SendGrid shows them.
    ``basic_auth`` are ``user:password`` pairs. Where both are configured, both must pass;
    with neither, nothing passes. ``api_key`` and ``mail_from`` send fallbacks.
    """

    name: str
    public_keys: tuple[str, ...] = ()
    basic_auth: tuple[Secret, ...] = ()
    api_key: Secret | None = None
    mail_from: str | None = None
