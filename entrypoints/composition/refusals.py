"""Where refusals are, and what diagnoses them. Part of the container."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.secrets.cached_value import CachedValue
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.ports.refusals import BriefDiagnosis, Diagnose, Refusals
    from infrastructure.filesystem.backend import DataDirectory


def choose_refusals(
    settings: Settings,
    data_directory: Callable[[], "DataDirectory"],
    clock: Clock,
    cached_accounts: Callable[[], CachedValue[ProviderAccounts]],
) -> "Refusals":
    """In the data directory, where its commands see them; or in memory, where none does."""
    diagnose = _diagnose_with(settings, cached_accounts)
    if settings.storage == "memory":
        from infrastructure.memory.memory_refusals import MemoryRefusals

        return MemoryRefusals(clock, diagnose)
    elsewhere = None
    if settings.storage == "dynamodb":  # functions may work on the same tables
        from infrastructure.aws.logged_refusals import IN_THE_LOG

        elsewhere = IN_THE_LOG
    return data_directory().refusals(clock, elsewhere, diagnose)


def _diagnose_with(
    settings: Settings, cached_accounts: Callable[[], CachedValue[ProviderAccounts]]
) -> "Diagnose":
    """Hardly ever needed: so the doctors are imported only then, and the accounts read."""

    def diagnose(channel: ChannelType, request: WebhookRequest) -> "BriefDiagnosis | None":
        from entrypoints.composition.signature_doctors import diagnose_refused

        return diagnose_refused(channel, request, cached_accounts().current(), settings)

    return diagnose
