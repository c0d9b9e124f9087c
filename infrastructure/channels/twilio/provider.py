"""Twilio: WhatsApp and SMS."""

from typing import TYPE_CHECKING

from typing_extensions import override

from application.clock import Clock
from application.ports.fallback_sender import FallbackSender
from application.ports.webhook_parser import WebhookParser
from domain.channels import ChannelType
from infrastructure.channels.provider import Accounts, DoctorTools, Probe, Provider, Simulation
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.ports.media_source import MediaSource
    from application.ports.signature_doctor import SignatureDoctor
    from infrastructure.channels.remedies import Explained


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

    @override
    def signature_doctor(self, tools: DoctorTools) -> "SignatureDoctor":
        from infrastructure.channels.twilio.signature_doctor.doctor import TwilioSignatureDoctor

        return TwilioSignatureDoctor(tools)

    @override
    def probe(self, channel: ChannelType, url: str, accounts: ProviderAccounts) -> Probe | None:
        if not accounts.twilio:
            return None
        from infrastructure.channels.twilio.parser import TwilioWebhookParser
        from infrastructure.channels.twilio.simulator import TwilioSimulator

        account = accounts.twilio[0]
        simulator = TwilioSimulator(account.account_sid, account.auth_tokens[0].get_secret_value())
        return Probe(
            simulator.status_callback(url, channel),
            TwilioWebhookParser(channel, lambda: accounts).respond(),
            f"a status callback signed by {account.account_sid}",
            "it reaches Frontdesk, and the signature of this URL verifies",
        )

    @override
    def explained(self, reason: str) -> "Explained | None":
        from infrastructure.channels.twilio.remedies import REMEDIES

        return REMEDIES.get(reason)


PROVIDER: Provider = TwilioProvider()
