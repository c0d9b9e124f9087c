"""Two companies that share a front desk, and the webhooks of each."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from domain.channels import ChannelType
from domain.conversations import Conversation
from infrastructure.channels.provider import SimulatedRequest
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import EMAIL


@dataclass(frozen=True)
class Company:
    """One company with its own addresses and provider accounts."""

    name: str
    number: str
    service: str
    providers: Providers

    @property
    def mailbox(self) -> str:
        return f"help@{self.name}.example"

    @property
    def credentials_reference(self) -> str:
        return f"{self.name}-credentials"

    def recipient(self, channel: ChannelType) -> str:
        """Its address on ``channel``."""
        return self.mailbox if channel is EMAIL else self.number

    def signed_webhook(
        self, frontdesk: RunningFrontDesk, channel: ChannelType, **wanted: Any
    ) -> SimulatedRequest:
        """A webhook signed by the company's account, to its own address unless another is given."""
        wanted = {"recipient": self.recipient(channel), "body": f"To {self.name}", **wanted}
        return self.providers.webhook(frontdesk.url(channel), channel, **wanted)

    def entry(self) -> dict[str, object]:
        """The company's entry in the tenants file."""
        return {
            "company_id": self.name,
            "company_name": self.name.title(),
            "credentials_reference": self.credentials_reference,
            "recipients": [self.number, self.service, f"{self.name}.example"],
            "twilio": {
                "account_sid": self.providers.account_sid,
                "auth_tokens": [self.providers.auth_token],
            },
            "sendgrid": {
                "account": f"{self.name}-mail",
                "public_keys": [self.providers.mail_public_key],
            },
        }


ACME = Company("acme", "+15005550001", "MG" + "a" * 32, Providers.numbered(1))
BRILL = Company("brill", "+15005550002", "MG" + "b" * 32, Providers.numbered(2))
COMPANIES = (ACME, BRILL)


def given_conversation_with(
    frontdesk: RunningFrontDesk, company: Company, channel: ChannelType, **changes: Any
) -> Conversation:
    """The conversation of one customer, the same for all, with ``company``."""
    return frontdesk.given_conversation(
        channel,
        conversation_id=f"{company.name}-{channel}",
        recipient_id=company.recipient(channel),
        **{"company_id": company.name, **changes},
    )


def joined(frontdesk: RunningFrontDesk) -> Counter[tuple[str, str, str]]:
    """How often each (conversation, company, text) was queued."""
    return Counter(
        (
            context.conversation.conversation_id,
            context.company.company_id or "",
            context.message.body.strip(),
        )
        for contexts in frontdesk.contexts().values()
        for context in contexts
    )
