"""The doctors of signatures, with the accounts of the settings."""

from collections.abc import Iterator, Sequence

from application.clock import utc_now
from application.ports.refusals import BriefDiagnosis
from application.ports.signature_doctor import SignatureDoctor
from application.ports.webhook_parser import WebhookRequest
from application.tracing.brief_diagnoses import brief_diagnosis_of
from application.tracing.diagnose_signature import DiagnoseSignature
from domain.channels import ChannelType
from domain.fallback import OwnAddresses
from domain.tenants import TenantDirectory
from entrypoints.checked_urls import checked_urls
from entrypoints.composition.backends import secret_reader
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.received_capture import received_capture
from infrastructure.channels.provider import CheckedUrls, DoctorTools
from infrastructure.channels.search_budget import Budget
from infrastructure.configuration.provider_accounts import ProviderAccounts, read_provider_accounts
from infrastructure.configuration.secrets.development_secret import FILE_NAME
from infrastructure.configuration.secrets.secret import Secret
from infrastructure.configuration.settings import Settings, read_settings

MOST_CPU_SECONDS = 0.25
"""What a refused request may cost. The likeliest causes are found in a hundredth of it."""

MOST_HASHED_BYTES = 64 * 1024 * 1024

_NO_ACCOUNTS = ProviderAccounts(TenantDirectory(()), OwnAddresses(frozenset()))


def build_diagnose_signature(
    settings: Settings | None,
    checked_urls: CheckedUrls,
    given_secrets: Sequence[Secret],
    given_url: str | None,
) -> DiagnoseSignature:
    """The use case. Secrets and a URL that are given are tried beside the configured ones.

    Without ``settings`` they are all that is known. Nothing is written: without any secret there
    is no account. Raises ``SettingsError`` and ``SecretsUnavailableError``.
    """
    tools = DoctorTools(
        accounts=_accounts(settings) if settings else _NO_ACCOUNTS,
        settings=settings or read_settings({}),
        checked_urls=checked_urls,
        clock=utc_now,
        given_secrets=tuple(given_secrets),
        given_url=given_url,
    )
    return DiagnoseSignature(tuple(_doctors(tools)))


def diagnose_refused(
    channel: ChannelType, request: WebhookRequest, accounts: ProviderAccounts, settings: Settings
) -> BriefDiagnosis | None:
    """What its provider's doctor finds of a request that was received, within narrow limits."""
    tools = DoctorTools(
        accounts=accounts,
        settings=settings,
        checked_urls=checked_urls,
        clock=utc_now,
        may_go_on=Budget(MOST_CPU_SECONDS, MOST_HASHED_BYTES),
    )
    doctor, capture = PROVIDERS[channel]().signature_doctor(tools), received_capture(request)
    if doctor is None or capture is None:
        return None
    return brief_diagnosis_of(doctor.diagnose(capture, channel), utc_now())


def _doctors(tools: DoctorTools) -> Iterator[SignatureDoctor]:
    for load in dict.fromkeys(PROVIDERS.values()):
        doctor = load().signature_doctor(tools)
        if doctor is not None:
            yield doctor


def _accounts(settings: Settings) -> ProviderAccounts:
    if settings.has_real_secrets or (settings.data_dir / FILE_NAME).exists():
        return read_provider_accounts(settings, secret_reader())
    return _NO_ACCOUNTS
