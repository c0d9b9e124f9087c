"""The companies in what ``TENANTS`` names: a file, or a secret."""

import json
from collections.abc import Iterator
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)

from domain.addresses import normal_recipient
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from domain.tenants import Tenant
from infrastructure.configuration.secrets.accounts import (
    SendgridAccount,
    TwilioAccount,
    read_basic_auth_pair,
    read_mail_address,
    read_p256_key,
    read_twilio_account_sid,
)
from infrastructure.configuration.secrets.secret import Secret
from infrastructure.configuration.secrets.secret_references import ReadSecret, is_reference
from infrastructure.configuration.settings import SettingsError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _resolved(value: object, info: ValidationInfo) -> object:
    read_secret: ReadSecret | None = info.context
    if read_secret and isinstance(value, str) and is_reference(value):
        return read_secret(value)
    return value


def _pair(secret: SecretStr) -> SecretStr:
    read_basic_auth_pair(secret.get_secret_value())
    return secret


_Resolved = BeforeValidator(_resolved)
"""What a reference leads to: the context of the validation is a ``ReadSecret``."""

_Secret = Annotated[SecretStr, Field(min_length=1), _Resolved]


class TwilioEntry(_Strict):
    """A Twilio account of a company."""

    account_sid: Annotated[str, AfterValidator(read_twilio_account_sid)]
    auth_tokens: Annotated[tuple[_Secret, ...], Field(min_length=1)]

    def to_account(self) -> TwilioAccount:
        """The account that this entry describes."""
        return TwilioAccount(self.account_sid, tuple(map(_secret, self.auth_tokens)))


class SendgridEntry(_Strict):
    """The SendGrid account of a company."""

    account: Annotated[str, Field(min_length=1)]
    public_keys: tuple[Annotated[str, AfterValidator(read_p256_key), _Resolved], ...] = ()
    basic_auth: tuple[Annotated[SecretStr, AfterValidator(_pair), _Resolved], ...] = ()
    api_key: _Secret | None = None
    mail_from: Annotated[str, AfterValidator(read_mail_address)] | None = None

    def to_account(self) -> SendgridAccount:
        """The account that this entry describes."""
        return SendgridAccount(
            self.account,
            self.public_keys,
            tuple(map(_secret, self.basic_auth)),
            _secret(self.api_key) if self.api_key else None,
            self.mail_from,
        )


def _secret(text: SecretStr) -> Secret:
    return Secret(text.get_secret_value())


def _as_list(value: object, info: ValidationInfo) -> object:
    """An account that stands alone is a list of one, and ``null`` is an empty one."""
    if isinstance(value, dict):
        # Here, and not in the list: problems are then named without a position in it.
        return [TwilioEntry.model_validate(value, context=info.context)]
    return [] if value is None else value


def _can_send(account: SendgridEntry) -> SendgridEntry:
    if account.api_key and not account.mail_from:
        raise ValueError("mail_from is missing: api_key needs it to send")
    return account


class TenantEntry(_Strict):
    """One company."""

    company_id: Annotated[str, Field(min_length=1)]
    project_id: str | None = None
    company_name: str | None = None
    credentials_reference: str | None = None
    recipients: Annotated[list[str], Field(min_length=1)]
    twilio: Annotated[list[TwilioEntry], BeforeValidator(_as_list)] = []
    sendgrid: Annotated[SendgridEntry, AfterValidator(_can_send)] | None = None
    fallback_texts: dict[ChannelType, str] = {}

    @property
    def account_names(self) -> frozenset[str]:
        """The accounts that speak for the company."""
        twilio = {account.account_sid for account in self.twilio}
        return frozenset(twilio | ({self.sendgrid.account} if self.sendgrid else set()))

    def to_tenant(self) -> Tenant:
        """The company that this entry describes."""
        return Tenant(
            **self.model_dump(exclude={"twilio", "sendgrid", "recipients"}),
            accounts=self.account_names,
            recipients=frozenset(map(normal_recipient, self.recipients)),
        )


class TenantsFile(_Strict):
    """What ``TENANTS`` names, a file or a secret, as JSON."""

    tenants: Annotated[list[TenantEntry], Field(min_length=1)]


def read_tenants(source: str, read_secret: ReadSecret) -> list[TenantEntry]:
    """The companies in ``source``, a file or a secret; references in it are resolved.

    Raises ``SettingsError`` that names every problem, and ``SecretsUnavailableError``.
    """
    try:
        text = read_secret(source)
    except ValueError as error:
        raise SettingsError([f"TENANTS: {error}"]) from error
    try:
        entries = TenantsFile.model_validate(json.loads(text), context=read_secret).tenants
    except ValidationError as error:
        raise SettingsError([*_problems_of(error)]) from None
    except ValueError:
        # The error would show what it stumbled over, and that may be a secret.
        raise SettingsError(["TENANTS: what it names is not valid JSON"]) from None
    if problems := [*_ambiguities(entries)]:
        raise SettingsError(problems)
    return entries


def _problems_of(error: ValidationError) -> Iterator[str]:
    """Where each wrong value stands, and what is wrong with it. Never a value itself."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, detail["loc"]))
        yield f"TENANTS: {place}: {detail['msg'].removeprefix('Value error, ')}"


def _ambiguities(entries: list[TenantEntry]) -> Iterator[str]:
    """A recipient that two companies claim would show one the messages of the other."""
    owners: dict[str, str] = {}
    for entry in entries:
        if not entry.account_names:
            yield f"TENANTS: {entry.company_id} has neither a twilio nor a sendgrid account"
        if len({account.account_sid for account in entry.twilio}) < len(entry.twilio):
            yield f"TENANTS: {entry.company_id} lists a twilio account twice: list its tokens there"
        for text in entry.recipients:
            try:
                recipient = normal_recipient(text)
            except InvalidAddressError as error:
                yield f"TENANTS: a recipient of {entry.company_id} is not an address: {error}"
                continue
            other = owners.setdefault(recipient, entry.company_id)
            if other != entry.company_id:
                yield f"TENANTS: {other} and {entry.company_id} have the same recipient"
        if entry.sendgrid and not (entry.sendgrid.public_keys or entry.sendgrid.basic_auth):
            yield f"TENANTS: sendgrid of {entry.company_id} has neither public_keys nor basic_auth"
