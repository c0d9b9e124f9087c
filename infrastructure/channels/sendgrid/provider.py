"""SendGrid: email."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from typing_extensions import override

from infrastructure.channels.provider import Provider, SendOption, SimulatedMessage, Simulation

if TYPE_CHECKING:
    from application.clock import Clock
    from application.ports.fallback_sender import FallbackSender
    from application.ports.webhook_parser import WebhookParser
    from infrastructure.configuration.provider_accounts import ProviderAccounts
    from infrastructure.configuration.settings import Settings


class SendgridProvider(Provider):
    """SendGrid's parser, sender and simulator."""

    @override
    def parser(
        self, accounts: "Callable[[], ProviderAccounts]", settings: "Settings", clock: "Clock"
    ) -> "WebhookParser":
        from datetime import timedelta

        from infrastructure.channels.sendgrid.parser import SendgridWebhookParser

        tolerance = timedelta(seconds=settings.sendgrid_tolerance_seconds)
        return SendgridWebhookParser(lambda: accounts().sendgrid, clock, tolerance)

    @override
    def fallback_sender(
        self, accounts: "Callable[[], ProviderAccounts]"
    ) -> "FallbackSender | None":
        if not any(account.api_key for account in accounts().sendgrid):
            return None
        from infrastructure.channels.sendgrid.sender import SendgridFallbackSender

        return SendgridFallbackSender(lambda: accounts().sendgrid)

    @override
    def send_options(self) -> tuple[SendOption, ...]:
        from infrastructure.channels.sendgrid.simulation import SEND_OPTIONS

        return SEND_OPTIONS

    @override
    def simulation(self, message: SimulatedMessage, settings: "Settings") -> Simulation:
        from infrastructure.channels.sendgrid.simulation import simulation

        return simulation(message, settings)


PROVIDER: Provider = SendgridProvider()
