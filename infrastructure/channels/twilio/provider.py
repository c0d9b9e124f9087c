"""Twilio: WhatsApp and SMS."""

from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from application.ports.fallback_sender import FallbackSender
from application.ports.webhook_parser import WebhookParser
from domain.channels import ChannelType
from infrastructure.channels.provider import Accounts, Provider, Simulation
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.ports.media_source import MediaSource


class TwilioProvider(Provider):
    """Twilio's parser, sender, media and simulator."""

    @override
    def parser(
        self, channel: ChannelType, accounts: Accounts, settings: Settings, clock: Clock
    ) -> WebhookParser:
        from infrastructure.channels.twilio.parser import TwilioWebhookParser

        return TwilioWebhookParser(channel, accounts)

    @override
    def fallback_sender(self, accounts: Accounts) -> FallbackSender:
        from infrastructure.channels.twilio.sender import TwilioFallbackSender

        return TwilioFallbackSender(lambda: accounts().twilio)

    @override
    def media_source(self, accounts: Accounts) -> "MediaSource":
        from infrastructure.channels.twilio.media import TwilioMediaSource

        return TwilioMediaSource(lambda: accounts().twilio)

    @override
    def simulation(self) -> Simulation:
        from infrastructure.channels.twilio.simulator import TwilioSimulation

        return TwilioSimulation()


PROVIDER: Provider = TwilioProvider()
