"""Twilio: WhatsApp and SMS."""

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


class TwilioProvider(Provider):
    """Twilio's parser, sender and simulator."""

    @override
    def parser(
        self, accounts: "Callable[[], ProviderAccounts]", settings: "Settings", clock: "Clock"
    ) -> "WebhookParser":
        from infrastructure.channels.twilio.parser import TwilioWebhookParser

        return TwilioWebhookParser(lambda: accounts().twilio)

    @override
    def fallback_sender(self, accounts: "Callable[[], ProviderAccounts]") -> "FallbackSender":
        from infrastructure.channels.twilio.sender import TwilioFallbackSender

        return TwilioFallbackSender(lambda: accounts().twilio)

    @override
    def send_options(self) -> tuple[SendOption, ...]:
        from infrastructure.channels.twilio.simulation import SEND_OPTIONS

        return SEND_OPTIONS

    @override
    def simulation(self, message: SimulatedMessage, settings: "Settings") -> Simulation:
        from infrastructure.channels.twilio.simulation import simulation

        return simulation(message, settings)


PROVIDER: Provider = TwilioProvider()
