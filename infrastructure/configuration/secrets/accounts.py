"""Provider accounts, with the secrets that prove and use them. No ``repr`` shows a secret.

Pydantic checks an account of the tenants file by these types.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from infrastructure.configuration.secrets.secret_references import ReadSecret, is_reference

SINGLE_SENDGRID_ACCOUNT = "sendgrid"
"""The name of the account where the settings describe one company."""

# The DER of every uncompressed P-256 SubjectPublicKeyInfo begins with these bytes.
_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_LENGTH = 91

Value = TypeVar("Value")


def must(be: str, test: Callable[[Value], object]) -> AfterValidator:
    """What a value must be, in words and as a test that it passes. The words never show it."""

    def check(value: Value) -> Value:
        if not test(value):
            raise ValueError(f"must be {be}")
        return value

    return AfterValidator(check)


def _resolved(value: object, info: ValidationInfo) -> object:
    read_secret: ReadSecret | None = info.context
    if read_secret and isinstance(value, str) and is_reference(value):
        return read_secret(value)
    return value


def _is_p256_key(value: str) -> bool:
    try:
        der = base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return len(der) == _P256_LENGTH and der.startswith(_P256_PREFIX)


def _is_pair(value: SecretStr) -> bool:
    return all(value.get_secret_value().partition(":"))


Resolved = BeforeValidator(_resolved)
"""What a reference leads to, if the context of the validation is a ``ReadSecret``."""

AccountSid = Annotated[
    str, must("AC and 32 hex digits", re.compile(r"AC[0-9a-fA-F]{32}").fullmatch)
]
P256Key = Annotated[
    str, must("public keys in base64 (P-256), as SendGrid shows them", _is_p256_key)
]
BasicAuthPair = Annotated[SecretStr, must("user:password, several separated by commas", _is_pair)]
MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
_Secret = Annotated[SecretStr, Field(min_length=1), Resolved]


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """A Twilio account or subaccount. Any of its tokens proves a webhook; the first one sends."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    account_sid: AccountSid
    auth_tokens: Annotated[tuple[_Secret, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class SendgridAccount:
    """A SendGrid account, under a name that the operator chose: its webhooks name none.

    ``public_keys`` are SubjectPublicKeyInfo DER in base64, as SendGrid shows them.
    ``basic_auth`` are ``user:password`` pairs. Where both are configured, both must pass;
    with neither, nothing passes. ``api_key`` and ``mail_from`` send fallbacks.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, validation_alias="account")]
    public_keys: tuple[Annotated[P256Key, Resolved], ...] = ()
    basic_auth: tuple[Annotated[BasicAuthPair, Resolved], ...] = ()
    api_key: _Secret | None = None
    mail_from: MailAddress | None = None
