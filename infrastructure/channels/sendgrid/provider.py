"""SendGrid: email."""

from datetime import timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from application.ports.fallback_sender import FallbackSender
from application.ports.webhook_parser import WebhookParser
from domain.channels import ChannelType
from infrastructure.channels.provider import Accounts, DoctorTools, Provider, Simulation
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.ports.signature_doctor import SignatureDoctor
    from infrastructure.channels.remedies import Explained


class SendgridProvider(Provider):
    """SendGrid's parser, sender and simulator."""

    @override
    def parser(
        self, channel: ChannelType, accounts: Accounts, settings: Settings, clock: Clock
    ) -> WebhookParser:
        from infrastructure.channels.sendgrid.parser import SendgridWebhookParser

        tolerance = timedelta(seconds=settings.sendgrid_tolerance_seconds)
        return SendgridWebhookParser(accounts, clock, tolerance)

    @override
    def fallback_sender(self, accounts: Accounts) -> FallbackSender | None:
        if not any(account.api_key for account in accounts().sendgrid):
            return None
        from infrastructure.channels.sendgrid.sender import SendgridFallbackSender

        return SendgridFallbackSender(lambda: accounts().sendgrid)

    @override
    def media_source(self, accounts: Accounts) -> None:
        """Its files come inside the webhook."""

    @override
    def simulation(self) -> Simulation:
        from infrastructure.channels.sendgrid.simulation import SendgridSimulation

        return SendgridSimulation()

    @override
    def signature_doctor(self, tools: DoctorTools) -> "SignatureDoctor":
        from infrastructure.channels.sendgrid.signature_doctor import SendgridSignatureDoctor

        return SendgridSignatureDoctor(tools)

    @override
    def explained(self, reason: str) -> "Explained | None":
        from infrastructure.channels.sendgrid.remedies import REMEDIES

        return REMEDIES.get(reason)


PROVIDER: Provider = SendgridProvider()
