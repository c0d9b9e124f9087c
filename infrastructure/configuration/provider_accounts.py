"""The provider accounts and the companies that they speak for, from the settings."""

from dataclasses import dataclass

from domain.addresses import normal_recipient
from domain.errors import InvalidAddressError
from domain.fallback import OwnAddresses
from domain.tenants import Tenant, TenantDirectory
from infrastructure.configuration.secrets.accounts import (
    SINGLE_SENDGRID_ACCOUNT,
    SendgridAccount,
    TwilioAccount,
)
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.settings import Settings, SettingsError, read_secrets

_Accounts = tuple[tuple[TwilioAccount, ...], tuple[SendgridAccount, ...]]


@dataclass(frozen=True, slots=True)
class ProviderAccounts:
    """The accounts whose webhooks are accepted, and the companies that they speak for.

    ``own_addresses`` belong to the companies: they never get a fallback.
    """

    directory: TenantDirectory
    own_addresses: OwnAddresses
    twilio: tuple[TwilioAccount, ...] = ()
    sendgrid: tuple[SendgridAccount, ...] = ()

    def may_speak_for(self, recipient: str, account: str) -> bool:
        """Whether ``account`` is one of the company of a normalised recipient, if it is known."""
        owner = self.directory.owner_of_recipient(recipient)
        return owner is None or account in owner.accounts


def read_provider_accounts(settings: Settings, read_secret: ReadSecret) -> ProviderAccounts:
    """The accounts and companies that ``settings`` describe, their secrets as they are now.

    Without any provider's secret it is the development account, kept in the data directory.
    Raises ``SettingsError``, and ``SecretsUnavailableError`` when a secret cannot be read at
    the moment. ``read_secret`` resolves references.
    """
    if settings.tenants is not None:
        from infrastructure.configuration.tenants_file import read_tenants

        entries = read_tenants(settings.tenants, read_secret)
        tenants = tuple(entry.to_tenant() for entry in entries)
        twilio = tuple(account.to_account() for entry in entries for account in entry.twilio)
        sendgrid = tuple(entry.sendgrid.to_account() for entry in entries if entry.sendgrid)
    else:
        twilio, sendgrid = _accounts_of_one_company(settings, read_secret)
        names = [*(one.account_sid for one in twilio), *(one.name for one in sendgrid)]
        tenants = (Tenant(accounts=frozenset(names)),)
    directory = TenantDirectory(tenants)
    return ProviderAccounts(directory, _own_addresses(settings, directory), twilio, sendgrid)


def _accounts_of_one_company(settings: Settings, read_secret: ReadSecret) -> _Accounts:
    if not settings.has_real_secrets:
        from infrastructure.configuration.secrets.development_secret import (
            keep_development_credentials,
        )

        development = keep_development_credentials(settings.data_dir)
        return (development.twilio_account,), (development.sendgrid_account,)
    secrets = read_secrets(settings, read_secret)
    sid = settings.twilio_account_sid
    sendgrid = SendgridAccount(
        SINGLE_SENDGRID_ACCOUNT,
        secrets.sendgrid_webhook_public_key,
        secrets.sendgrid_basic_auth,
        secrets.sendgrid_api_key,
        settings.fallback_email_from,
    )
    return (TwilioAccount(sid, secrets.twilio_auth_token),) if sid else (), (sendgrid,)


def _own_addresses(settings: Settings, directory: TenantDirectory) -> OwnAddresses:
    listed = filter(None, (*settings.own_addresses, settings.fallback_email_from))
    try:
        values = {normal_recipient(text) for text in listed}
    except InvalidAddressError as error:
        raise SettingsError([f"OWN_ADDRESSES: {error}"]) from error
    recipients = (tenant.recipients for tenant in directory.tenants)
    return OwnAddresses(frozenset(values.union(*recipients)))
