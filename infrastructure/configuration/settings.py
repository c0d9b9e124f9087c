"""Settings from environment variables, checked as a whole."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, ValidationError

from application.ports.fallback_throttle import ThrottleLimits
from domain.channels import ChannelType
from domain.errors import TemporaryError
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import MailPolicy, RoutingPolicy
from domain.tenants import UnknownSender
from infrastructure.configuration.secrets.accounts import (
    AccountSid,
    BasicAuthPair,
    MailAddress,
    P256Key,
    Resolved,
)
from infrastructure.configuration.secrets.secret_references import ReadSecret, is_reference
from infrastructure.configuration.setting_rules import (
    RENAMED,
    BaseUrl,
    BucketName,
    CommaSeparated,
    Given,
    QueueUrl,
    TableName,
    TenantsSource,
    WebhookUrl,
    contradictions,
    problems_of,
    queue_variable,
)

MEBIBYTE = 1024 * 1024
YEAR_SECONDS = 365 * 86_400
CENTURY_DAYS = 36_500
DEFAULT_FALLBACK_TEXT = (
    "Thank you for your message. We could not find a conversation with you. "
    "Please contact us through our website."
)


class SettingsError(TemporaryError):
    """Settings that are missing, wrong or contradict each other: every one, by name.

    They stop a start. Secrets and tenants are read again while webhooks come in. An operator
    can correct those, so providers have to send the webhooks again.
    """

    needs_operator = True

    def __init__(self, problems: list[str]) -> None:
        super().__init__("wrong settings: " + "; ".join(problems))
        self.problems = problems


class _Variables(BaseModel):
    """Field names are the variables in lower case."""

    model_config = ConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=str.upper,
        populate_by_name=True,
        extra="ignore",
    )


class ProviderSecrets(_Variables):
    """The secrets of a single company's accounts, themselves."""

    twilio_auth_token: Annotated[CommaSeparated[SecretStr], Resolved] = ()
    sendgrid_webhook_public_key: Annotated[CommaSeparated[P256Key], Resolved] = ()
    sendgrid_basic_auth: Annotated[CommaSeparated[BasicAuthPair], Resolved] = ()
    sendgrid_api_key: Annotated[SecretStr | None, Resolved] = None


class TableNames(NamedTuple):
    """The names that the tables of DynamoDB have."""

    conversations: str
    messages: str
    participants: str
    fallback_throttle: str


class Settings(_Variables):
    """Everything that an operator decides.

    What ``ProviderSecrets`` names is here as it was given: the secret, or a reference to it.
    """

    storage: Literal["sqlite", "dynamodb", "memory"] = "sqlite"
    queue: Literal["sqlite", "sqs", "memory"] = "sqlite"
    data_dir: Path = Path(".frontdesk")
    conversations_table: TableName | None = None
    messages_table: TableName | None = None
    participants_table: TableName | None = None
    fallback_throttle_table: TableName | None = None
    blobs_bucket: BucketName | None = None
    whatsapp_replies_queue_url: QueueUrl | None = None
    whatsapp_handoff_queue_url: QueueUrl | None = None
    sms_replies_queue_url: QueueUrl | None = None
    sms_handoff_queue_url: QueueUrl | None = None
    email_replies_queue_url: QueueUrl | None = None
    email_handoff_queue_url: QueueUrl | None = None
    spool_queue_url: QueueUrl | None = None
    reply_delay_seconds: Annotated[int, Field(ge=0, le=900)] = 30
    public_base_url: BaseUrl | None = None
    sms_webhook_url: WebhookUrl | None = None
    whatsapp_webhook_url: WebhookUrl | None = None
    trusted_proxies: CommaSeparated[IPvAnyNetwork] = ()
    twilio_account_sid: AccountSid | None = None
    twilio_auth_token: SecretStr | None = None
    sendgrid_webhook_public_key: SecretStr | None = None
    sendgrid_basic_auth: SecretStr | None = None
    sendgrid_tolerance_seconds: Annotated[int, Field(gt=0, le=YEAR_SECONDS)] = 96 * 3600
    sendgrid_api_key: SecretStr | None = None
    fallback_email_from: MailAddress | None = None
    tenants: TenantsSource | None = None
    unknown_sender: UnknownSender = UnknownSender.FALLBACK
    unauthenticated_mail: MailPolicy = MailPolicy.HANDOFF
    automated_mail: MailPolicy = MailPolicy.HANDOFF
    fallback_window_seconds: Annotated[int, Field(gt=0, le=10 * YEAR_SECONDS)] = 86_400
    fallback_max_per_hour: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    fallback_text: Annotated[str, Field(max_length=1600)] = DEFAULT_FALLBACK_TEXT
    fallback_text_whatsapp: Annotated[str, Field(max_length=1600)] | None = None
    fallback_text_sms: Annotated[str, Field(max_length=1600)] | None = None
    fallback_text_email: str | None = None
    own_addresses: CommaSeparated[str] = ()
    max_body_bytes: Annotated[int, Field(ge=1024, le=256 * MEBIBYTE)] = 32 * MEBIBYTE
    max_in_flight: Annotated[int, Field(ge=1, le=1024)] = 32
    message_retention_days: Annotated[int, Field(ge=0, le=CENTURY_DAYS)] = 0
    dead_letter_retention_days: Annotated[int, Field(ge=1, le=CENTURY_DAYS)] = 30
    stage: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "dev"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def has_real_secrets(self) -> bool:
        """Whether any provider's secret is configured: then the development secret is refused."""
        return bool(
            self.twilio_auth_token
            or self.sendgrid_webhook_public_key
            or self.sendgrid_basic_auth
            or self.tenants
        )

    @property
    def tables(self) -> TableNames:
        """The tables of DynamoDB: all of them are there where they are the storage."""
        names = {field: getattr(self, f"{field}_table") for field in TableNames._fields}
        return TableNames(**names)

    @property
    def queue_urls(self) -> dict[QueueName, str]:
        """The URLs of the queues on SQS, as far as they are set."""
        urls = {queue: getattr(self, queue_variable(queue).lower()) for queue in ALL_QUEUES}
        return {queue: url for queue, url in urls.items() if url}

    @property
    def webhook_urls(self) -> dict[ChannelType, str | None]:
        """The whole URL of each channel whose provider signs it, as far as it is set."""
        return {
            ChannelType.SMS: self.sms_webhook_url,
            ChannelType.WHATSAPP: self.whatsapp_webhook_url,
        }

    @property
    def routing_policy(self) -> RoutingPolicy:
        """What decides where a message goes."""
        delay = timedelta(seconds=self.reply_delay_seconds)
        return RoutingPolicy(delay, self.unauthenticated_mail, self.automated_mail)

    @property
    def throttle_limits(self) -> ThrottleLimits:
        """How many fallbacks may be sent."""
        return ThrottleLimits(
            timedelta(seconds=self.fallback_window_seconds), self.fallback_max_per_hour
        )

    @property
    def fallback_texts(self) -> dict[ChannelType, str]:
        """What unknown senders are told, per channel."""
        return {
            channel: getattr(self, f"fallback_text_{channel}") or self.fallback_text
            for channel in ChannelType
        }


def read_settings(environ: Mapping[str, str], *, ephemeral: bool = False) -> Settings:
    """The settings in ``environ``; an empty variable counts as unset.

    ``ephemeral`` keeps everything in memory, which no variable may ask for by itself.
    Raises ``SettingsError`` that names every wrong variable at once.
    """
    given = {
        name: value.strip()
        for name, value in environ.items()
        if name.lower() in Settings.model_fields and value.strip()
    }
    problems = [
        f"{old} is now called {new}: set that instead"
        for old, new in RENAMED.items()
        if environ.get(old, "").strip()
    ]
    if ephemeral:
        given |= {"STORAGE": "memory", "QUEUE": "memory"}
    else:
        problems += [
            f"{name}: memory loses everything at the end: only with 'serve --ephemeral'"
            for name in ("STORAGE", "QUEUE")
            if given.get(name) == "memory"
        ]
    problems += contradictions(given, on_lambda="AWS_LAMBDA_FUNCTION_NAME" in environ)
    problems += _problems_of_given_secrets(given)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += _named_problems(error)
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def read_secrets(settings: Settings, read_secret: ReadSecret) -> ProviderSecrets:
    """The secrets of ``settings``, references resolved by ``read_secret``.

    Raises ``SettingsError`` that names every wrong one, and ``SecretsUnavailableError``.
    """
    secrets = {name: getattr(settings, name) for name in ProviderSecrets.model_fields}
    given = {name.upper(): text.get_secret_value() for name, text in secrets.items() if text}
    try:
        return ProviderSecrets.model_validate(given, context=read_secret)
    except ValidationError as error:
        raise SettingsError([*_named_problems(error)]) from None


def _problems_of_given_secrets(given: Given) -> Iterator[str]:
    """What is wrong with the secrets that stand in the environment themselves."""
    themselves = {name: text for name, text in given.items() if not is_reference(text)}
    try:
        ProviderSecrets.model_validate(themselves)
    except ValidationError as error:
        yield from _named_problems(error)


def _named_problems(error: ValidationError) -> Iterator[str]:
    """Each once: of a list only its variable is named."""
    problems = (f"{place[0]}: {text[0].lower()}{text[1:]}" for place, text in problems_of(error))
    return iter(dict.fromkeys(problems))
