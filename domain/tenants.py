"""The companies that share one front door, and what belongs to each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.addresses import ChannelType
from domain.messages import InboundMessage


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

    def owns(self, message: InboundMessage) -> bool:
        """Whether ``message`` came through this company's account to this company's address.

        A signature proves its own account and no other, so both must hold.
        """
        if message.account not in self.accounts:
            return False
        return not self.recipients or not self.recipients.isdisjoint(message.recipient.keys)


@dataclass(frozen=True, slots=True)
class TenantDirectory:
    """Every company that this front door serves."""

    tenants: tuple[Tenant, ...]

    @property
    def has_one_company(self) -> bool:
        """With one company, records that name nobody can only be its own."""
        return len(self.tenants) == 1

    def owner_of(self, message: InboundMessage) -> Tenant | None:
        """The company that ``message`` belongs to; ``None`` if its account may not speak for it."""
        return next((tenant for tenant in self.tenants if tenant.owns(message)), None)

    def owner_of_recipient(self, recipient: str) -> Tenant | None:
        """The company that a normalised recipient address belongs to, whatever the account."""
        keys = {recipient, recipient.rpartition("@")[2]}
        return next(
            (
                tenant
                for tenant in self.tenants
                if not tenant.recipients or not tenant.recipients.isdisjoint(keys)
            ),
            None,
        )
