"""The companies that share one front door, and what belongs to each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile

from domain.addresses import normal_value
from domain.channels import ChannelType
from domain.messages import InboundMessage, Recipient


class UnknownSender(StrEnum):
    """What the operator wants for a sender without a conversation."""

    FALLBACK = "fallback"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One company: its names, the provider accounts that speak for it, its addresses.

    ``recipients`` holds normalised addresses, Messaging Services and mail domains. An empty
    set means every recipient of its accounts, which is what a single company has.
    """

    company_id: str | None = None
    project_id: str | None = None
    company_name: str | None = None
    credentials_reference: str | None = None
    accounts: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    fallback_texts: Mapping[ChannelType, str] = field(default_factory=dict)

    def lists(self, key: str) -> bool:
        """Whether ``key`` is an address, a Messaging Service or a mail domain of this company."""
        return not self.recipients or key in self.recipients

    def keys_of(self, recipient: Recipient) -> tuple[str, ...]:
        """The keys of ``recipient`` under which this company's conversations may know it.

        The form of a webhook can name any Messaging Service beside the address.
        """
        others = (key for key in recipient.keys if key != recipient.address and self.lists(key))
        return (recipient.address, *others)

    def recipient_of(self, message: InboundMessage) -> str:
        """Whom a conversation with the sender of ``message`` is opened with.

        The Messaging Service that was written to by way of one of its numbers, if it is this
        company's, so that another number leads to the same conversation. Else the address.
        """
        service = message.channel.rules.service_pattern
        keys = self.keys_of(message.recipient)
        services = (key for key in keys if service and service.fullmatch(key))
        return next(services, message.recipient.address)


@dataclass(frozen=True, slots=True)
class TenantDirectory:
    """Every company that this front door serves."""

    tenants: tuple[Tenant, ...]
    _owners: Mapping[str, Tenant] = field(init=False, repr=False, compare=False)
    _owner_of_others: Tenant | None = field(init=False, repr=False, compare=False)
    _only_owners: Mapping[str, Tenant | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # What a webhook asks is answered without a look at each company.
        owners: dict[str, Tenant] = {}
        others = next((tenant for tenant in self.tenants if not tenant.recipients), None)
        for tenant in takewhile(lambda tenant: tenant is not others, self.tenants):
            for key in tenant.recipients:
                owners.setdefault(key, tenant)
        only_owners: dict[str, Tenant | None] = {}
        for tenant in self.tenants:
            for account in tenant.accounts:
                only_owners[account] = None if account in only_owners else tenant
        object.__setattr__(self, "_owners", owners)
        object.__setattr__(self, "_owner_of_others", others)
        object.__setattr__(self, "_only_owners", only_owners)

    @property
    def has_one_company(self) -> bool:
        """With one company, records that name no company can only be its own."""
        return len(self.tenants) == 1

    def names_of(self, tenant: Tenant) -> frozenset[str]:
        """What a record's credentials reference may say to mean ``tenant``.

        Its own reference, or an account that no other company has.
        """
        owners = self._only_owners
        own = {account for account in tenant.accounts if owners.get(account, tenant) is tenant}
        reference = tenant.credentials_reference
        return frozenset(own if reference is None else {*own, reference})

    def owner_of(self, message: InboundMessage) -> Tenant | None:
        """The company that ``message`` belongs to; ``None`` if its account may not speak for it.

        A signature proves its own account and no other. The most specific key that a company
        lists decides whose recipient it is: an address before its Messaging Service.
        """
        owners = (self._owners.get(key, self._owner_of_others) for key in message.recipient.keys)
        owner = next(filter(None, owners), None)
        return owner if owner and message.account in owner.accounts else None

    def owner_of_recipient(self, recipient: str) -> Tenant | None:
        """The company that a normalised recipient address belongs to, whatever the account."""
        keys = (recipient, recipient.rpartition("@")[2])
        return next((tenant for tenant in self.tenants if any(map(tenant.lists, keys))), None)

    def company_of_recipient(self, channel: ChannelType, recipient: str | None) -> str | None:
        """The id of the company that a recipient belongs to, in any form of its channel.

        Of a recipient that is not known, the only company's.
        """
        if self.has_one_company:
            return self.tenants[0].company_id
        owner = self.owner_of_recipient(normal_value(channel, recipient)) if recipient else None
        return owner.company_id if owner else None

    def company_of_account(self, account: str) -> str | None:
        """The id of the company whose provider account it is, if it is no other company's too."""
        owner = self._only_owners.get(account)
        return owner.company_id if owner else None
