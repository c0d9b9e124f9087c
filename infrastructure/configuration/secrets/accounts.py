"""Provider accounts, with the secrets that prove and use them. No ``repr`` shows a secret."""

from dataclasses import dataclass

from pydantic import SecretStr

SINGLE_SENDGRID_ACCOUNT = "sendgrid"
"""The name of the account where the settings describe one company."""


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """A Twilio account or subaccount. Any of its tokens proves a webhook; the first one sends."""

    account_sid: str
    auth_tokens: tuple[SecretStr, ...]


@dataclass(frozen=True, slots=True)
class SendgridAccount:
    """A SendGrid account, under a name that the operator chose: its webhooks name none.

    ``public_keys`` are SubjectPublicKeyInfo DER in base64, as SendGrid shows them.
    ``basic_auth`` are ``user:password`` pairs. Where both are configured, both must pass;
    with neither, nothing passes. ``api_key`` and ``mail_from`` send fallbacks.
    """

    name: str
    public_keys: tuple[str, ...] = ()
    basic_auth: tuple[SecretStr, ...] = ()
    api_key: SecretStr | None = None
    mail_from: str | None = None
