"""Who the companies are and which provider accounts speak for them, from the settings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from domain.addresses import Address, ChannelType, ascii_domain
from domain.errors import InvalidAddressError
from domain.fallback import OwnAddresses
from domain.tenants import Tenant, TenantDirectory
from infrastructure.configuration.secrets.accounts import (
    SINGLE_SENDGRID_ACCOUNT,
    ProviderAccounts,
    SendgridAccount,
    TwilioAccount,
)
from infrastructure.configuration.secrets.secret_references import (
    ReadSecret,
    resolved,
)
from infrastructure.configuration.setting_values import (
    AccountSid,
    BasicAuthPair,
    MailAddress,
    P256Key,
)
from infrastructure.configuration.settings import (
    ProviderSecrets,
    Settings,
    SettingsError,
    read_secrets,
)


@dataclass(frozen=True, slots=True)
class TenantConfiguration:
    """The companies, their accounts, and the addresses that are nobody's customers."""

    directory: TenantDirectory
    accounts: ProviderAccounts
    own_addresses: OwnAddresses


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _resolved(value: object, info: ValidationInfo) -> object:
    """What a reference leads to. The context of a validation is its ``ReadSecret``."""
    read_secret: ReadSecret | None = info.context
    return resolved(value, read_secret) if isinstance(value, str) and read_secret else value


# Itself, or a reference to it.
_Secret = Annotated[SecretStr, Field(min_length=1), BeforeValidator(_resolved)]
_PublicKey = Annotated[P256Key, BeforeValidator(_resolved)]
_Pair = Annotated[BasicAuthPair, BeforeValidator(_resolved)]


class TwilioEntry(_Strict):
    """A company's Twilio account; several companies may share one."""

    account_sid: AccountSid
    auth_tokens: Annotated[list[_Secret], Field(min_length=1)]


class SendgridEntry(_Strict):
    """A company's SendGrid account, under a name of the operator's choice."""

    account: Annotated[str, Field(min_length=1)]
    public_keys: list[_PublicKey] = []
    basic_auth: list[_Pair] = []
    api_key: _Secret | None = None
    mail_from: MailAddress | None = None

    @model_validator(mode="after")
    def _can_send(self) -> Self:
        if self.api_key and not self.mail_from:
            raise ValueError("mail_from is missing: api_key needs it to send")
        return self


class TenantEntry(_Strict):
    """One company."""

    company_id: Annotated[str, Field(min_length=1)]
    project_id: str | None = None
    company_name: str | None = None
    credentials_reference: str | None = None
    recipients: Annotated[list[str], Field(min_length=1)]
    twilio: TwilioEntry | None = None
    sendgrid: SendgridEntry | None = None
    fallback_texts: dict[ChannelType, str] = {}


class TenantsFile(_Strict):
    """What ``TENANTS`` names, a file or a secret, as JSON."""

    tenants: Annotated[list[TenantEntry], Field(min_length=1)]


def read_tenant_configuration(settings: Settings, read_secret: ReadSecret) -> TenantConfiguration:
    """The companies and accounts that ``settings`` describe, their secrets as they are now.

    Without any provider's secret it is the development account, kept in the data directory.
    Raises ``SettingsError``, and ``SecretsUnavailableError`` when a secret cannot be read at
    the moment. ``read_secret`` resolves references.
    """
    if settings.tenants is not None:
        entries = _read_tenants(settings.tenants, read_secret)
        directory, accounts = _directory_of(entries), _accounts_of(entries)
    else:
        accounts = (
            _single_company_accounts(settings, read_secrets(settings, read_secret))
            if settings.has_real_secrets
            else _development_accounts(settings)
        )
        names = {account.account_sid for account in accounts.twilio}
        names |= {account.name for account in accounts.sendgrid}
        directory = TenantDirectory((Tenant(accounts=frozenset(names)),))
    return TenantConfiguration(directory, accounts, _own_addresses(settings, directory))


def _development_accounts(settings: Settings) -> ProviderAccounts:
    from infrastructure.configuration.secrets.development_secret import keep_development_credentials

    return keep_development_credentials(settings.data_dir).accounts()


def _single_company_accounts(settings: Settings, secrets: ProviderSecrets) -> ProviderAccounts:
    twilio = (
        (TwilioAccount(settings.twilio_account_sid, secrets.twilio_auth_token),)
        if settings.twilio_account_sid
        else ()
    )
    sendgrid = SendgridAccount(
        SINGLE_SENDGRID_ACCOUNT,
        secrets.sendgrid_webhook_public_key,
        secrets.sendgrid_basic_auth,
        secrets.sendgrid_api_key,
        settings.fallback_email_from,
    )
    return ProviderAccounts(twilio, (sendgrid,))


def normal_recipient(text: str) -> str:
    """A recipient as the directory compares it.

    A number, a Messaging Service, an agent with its scheme (``rcs:``), a mailbox or a domain.
    """
    if "@" in text:
        return Address.parse(ChannelType.EMAIL, text).value
    if ":" in text or text.startswith(("+", "MG")) or text.isdigit():
        return Address.parse(ChannelType.WHATSAPP, text).value
    return ascii_domain(text)


def _own_addresses(settings: Settings, directory: TenantDirectory) -> OwnAddresses:
    listed = [*settings.own_addresses]
    if settings.fallback_email_from:
        listed.append(settings.fallback_email_from)
    try:
        values = {normal_recipient(text) for text in listed}
    except InvalidAddressError as error:
        raise SettingsError([f"OWN_ADDRESSES: {error}"]) from error
    recipients = (tenant.recipients for tenant in directory.tenants)
    return OwnAddresses(frozenset(values.union(*recipients)))


def _read_tenants(source: str, read_secret: ReadSecret) -> list[TenantEntry]:
    try:
        text = read_secret(source)
    except ValueError as error:
        raise SettingsError([f"TENANTS: {error}"]) from error
    try:
        entries = TenantsFile.model_validate(json.loads(text), context=read_secret).tenants
    except ValidationError as error:
        raise SettingsError([*_named_problems(error)]) from None
    except ValueError:
        # The error would show what it stumbled over, and that may be a secret.
        raise SettingsError(["TENANTS: what it names is not valid JSON"]) from None
    if problems := [*_ambiguities(entries)]:
        raise SettingsError(problems)
    return entries


def _named_problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, detail["loc"]))
        yield f"TENANTS: {place}: {detail['msg'].removeprefix('Value error, ')}"


def _account_names(entry: TenantEntry) -> frozenset[str]:
    names = {entry.twilio.account_sid if entry.twilio else None}
    names.add(entry.sendgrid.account if entry.sendgrid else None)
    return frozenset(name for name in names if name is not None)


def _ambiguities(entries: list[TenantEntry]) -> Iterator[str]:
    """A recipient that two companies claim would show one the messages of the other."""
    owners: dict[str, str] = {}
    for entry in entries:
        if not _account_names(entry):
            yield f"TENANTS: {entry.company_id} has neither a twilio nor a sendgrid account"
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


def _directory_of(entries: list[TenantEntry]) -> TenantDirectory:
    return TenantDirectory(
        tuple(
            Tenant(
                company_id=entry.company_id,
                project_id=entry.project_id,
                company_name=entry.company_name,
                credentials_reference=entry.credentials_reference,
                accounts=_account_names(entry),
                recipients=frozenset(map(normal_recipient, entry.recipients)),
                fallback_texts=entry.fallback_texts,
            )
            for entry in entries
        )
    )


def _accounts_of(entries: list[TenantEntry]) -> ProviderAccounts:
    return ProviderAccounts(
        twilio=tuple(
            TwilioAccount(entry.twilio.account_sid, tuple(entry.twilio.auth_tokens))
            for entry in entries
            if entry.twilio
        ),
        sendgrid=tuple(
            SendgridAccount(
                entry.sendgrid.account,
                tuple(entry.sendgrid.public_keys),
                tuple(entry.sendgrid.basic_auth),
                entry.sendgrid.api_key,
                entry.sendgrid.mail_from,
            )
            for entry in entries
            if entry.sendgrid
        ),
    )
