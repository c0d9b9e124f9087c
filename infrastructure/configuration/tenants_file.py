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
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from domain.addresses import normal_recipient
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from domain.tenants import Tenant
from infrastructure.configuration.secrets.accounts import SendgridAccount, TwilioAccount
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.setting_rules import problems_of
from infrastructure.configuration.settings import SettingsError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _as_list(value: object, info: ValidationInfo) -> object:
    """An account that stands alone is a list of one, and ``null`` is an empty one."""
    if isinstance(value, dict):
        # Here, and not in the list: problems are then named without a position in it.
        return [TypeAdapter(TwilioAccount).validate_python(value, context=info.context)]
    return [] if value is None else value


def _can_send(account: SendgridAccount) -> SendgridAccount:
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
    twilio: Annotated[list[TwilioAccount], BeforeValidator(_as_list)] = []
    sendgrid: Annotated[SendgridAccount, AfterValidator(_can_send)] | None = None
    fallback_texts: dict[ChannelType, str] = {}

    @property
    def account_names(self) -> frozenset[str]:
        """The accounts that speak for the company."""
        twilio = {account.account_sid for account in self.twilio}
        return frozenset(twilio | ({self.sendgrid.name} if self.sendgrid else set()))

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
        places = [(".".join(map(str, place)), text) for place, text in problems_of(error)]
        raise SettingsError([f"TENANTS: {place}: {text}" for place, text in places]) from None
    except ValueError:
        # The error would show what it stumbled over, and that may be a secret.
        raise SettingsError(["TENANTS: what it names is not valid JSON"]) from None
    if problems := [*_ambiguities(entries)]:
        raise SettingsError(problems)
    return entries


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
