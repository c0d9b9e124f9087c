"""Settings from environment variables, checked as a whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from application.ports.fallback_throttle import ThrottleLimits
from domain.channels import ChannelType
from domain.errors import TemporaryError
from domain.queues import ALL_QUEUES, QueueName
from domain.routing import MailPolicy, RoutingPolicy
from domain.tenants import UnknownSender
from infrastructure.configuration.secrets.secret_references import ReadSecret, is_reference
from infrastructure.configuration.setting_rules import (
    RENAMED,
    Given,
    contradictions,
    queue_variable,
)
from infrastructure.configuration.setting_values import (
    AccountSid,
    ApiTokens,
    BaseUrl,
    BasicAuthPairs,
    BucketName,
    Directory,
    FallbackText,
    MailAddress,
    MailPolicyChoice,
    Networks,
    P256Keys,
    QueueUrl,
    Secrets,
    SecretText,
    SessionKey,
    StageName,
    TableName,
    TenantsSource,
    Text,
    Texts,
    UnknownSenderChoice,
    WebhookUrl,
    one_of,
    text_up_to,
    whole_number,
)

MEBIBYTE = 1024 * 1024
YEAR_SECONDS = 365 * 86_400
CENTURY_DAYS = 36_500
Storage = Annotated[
    Literal["sqlite", "dynamodb", "memory"], one_of(("sqlite", "dynamodb", "memory"))
]
Queue = Annotated[Literal["sqlite", "sqs", "memory"], one_of(("sqlite", "sqs", "memory"))]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"], one_of(("DEBUG", "INFO", "WARNING", "ERROR"))
]
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


@dataclass(frozen=True, kw_only=True, eq=False)
class ProviderSecrets:
    """The secrets of a single company's accounts, themselves."""

    twilio_auth_token: Secrets = ()
    sendgrid_webhook_public_key: P256Keys = ()
    sendgrid_basic_auth: BasicAuthPairs = ()
    sendgrid_api_key: SecretText = None


class TableNames(NamedTuple):
    """The names that the tables of DynamoDB have."""

    conversations: str
    messages: str
    participants: str
    fallback_throttle: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """Everything that an operator decides. Fields are the variables in lower case.

    The type of a field names what reads it. What ``ProviderSecrets`` names is here as it was
    given: the secret, or a reference to it.
    """

    storage: Storage = "sqlite"
    queue: Queue = "sqlite"
    data_dir: Directory = Path(".frontdesk")
    conversations_table: TableName = None
    messages_table: TableName = None
    participants_table: TableName = None
    fallback_throttle_table: TableName = None
    blobs_bucket: BucketName = None
    whatsapp_replies_queue_url: QueueUrl = None
    whatsapp_handoff_queue_url: QueueUrl = None
    sms_replies_queue_url: QueueUrl = None
    sms_handoff_queue_url: QueueUrl = None
    email_replies_queue_url: QueueUrl = None
    email_handoff_queue_url: QueueUrl = None
    spool_queue_url: QueueUrl = None
    reply_delay_seconds: Annotated[int, whole_number(0, 900)] = 30
    public_base_url: BaseUrl = None
    sms_webhook_url: WebhookUrl = None
    whatsapp_webhook_url: WebhookUrl = None
    trusted_proxies: Networks = ()
    twilio_account_sid: AccountSid = None
    twilio_auth_token: SecretText = None
    sendgrid_webhook_public_key: SecretText = None
    sendgrid_basic_auth: SecretText = None
    sendgrid_tolerance_seconds: Annotated[int, whole_number(1, YEAR_SECONDS)] = 96 * 3600
    sendgrid_api_key: SecretText = None
    fallback_email_from: MailAddress = None
    tenants: TenantsSource = None
    api_tokens: ApiTokens = None
    session_key: SessionKey = None
    unknown_sender: UnknownSenderChoice = UnknownSender.FALLBACK
    unauthenticated_mail: MailPolicyChoice = MailPolicy.HANDOFF
    automated_mail: MailPolicyChoice = MailPolicy.HANDOFF
    fallback_window_seconds: Annotated[int, whole_number(1, 10 * YEAR_SECONDS)] = 86_400
    fallback_max_per_hour: Annotated[int, whole_number(0, 1_000_000)] = 1000
    fallback_text: Annotated[str, text_up_to(1600)] = DEFAULT_FALLBACK_TEXT
    fallback_text_whatsapp: FallbackText = None
    fallback_text_sms: FallbackText = None
    fallback_text_email: Text = None
    own_addresses: Texts = ()
    max_body_bytes: Annotated[int, whole_number(1024, 256 * MEBIBYTE)] = 32 * MEBIBYTE
    max_in_flight: Annotated[int, whole_number(1, 1024)] = 32
    message_retention_days: Annotated[int, whole_number(0, CENTURY_DAYS)] = 0
    dead_letter_retention_days: Annotated[int, whole_number(1, CENTURY_DAYS)] = 30
    stage: StageName = "dev"
    log_level: LogLevel = "INFO"

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
    def is_embedded(self) -> bool:
        """Whether everything is kept on this machine."""
        return self.storage != "dynamodb" and self.queue != "sqs"

    @property
    def is_development(self) -> bool:
        """Whether the development secret is in use: no provider can send anything."""
        return self.is_embedded and not self.has_real_secrets

    @property
    def has_local_token(self) -> bool:
        """Whether a token in the data directory opens the API: who reads that may read all."""
        return self.api_tokens is None and self.is_embedded

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
    names = map(str.upper, VARIABLES)
    given = {name: text for name in names if (text := environ.get(name, "").strip())}
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
    values = _read(Settings, given, problems)
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def read_secrets(settings: Settings, read_secret: ReadSecret) -> ProviderSecrets:
    """The secrets of ``settings``, references resolved by ``read_secret``.

    Raises ``SettingsError`` that names every wrong one, and ``SecretsUnavailableError``.
    """
    secrets = {name: getattr(settings, name) for name in _fields_of(ProviderSecrets)}
    given = {name.upper(): secret.get_secret_value() for name, secret in secrets.items() if secret}
    problems: list[str] = []
    values = _read(ProviderSecrets, given, problems, read_secret)
    if problems:
        raise SettingsError(problems)
    return ProviderSecrets(**values)


def _problems_of_given_secrets(given: Given) -> Iterator[str]:
    """What is wrong with the secrets that stand in the environment themselves."""
    problems: list[str] = []
    _read(ProviderSecrets, {n: t for n, t in given.items() if not is_reference(t)}, problems)
    return iter(problems)


def _fields_of(kind: type) -> Mapping[str, Callable[[str], object]]:
    """The fields of ``kind`` and what reads each, which its type names."""
    return {name: annotated.__metadata__[0] for name, annotated in kind.__annotations__.items()}


def _read(
    kind: type, given: Given, problems: list[str], resolve: ReadSecret | None = None
) -> dict[str, Any]:
    """The fields of ``kind`` that are ``given``. What is wrong with one is added to ``problems``.

    References are resolved by ``resolve``, if it is there.
    """
    values: dict[str, object] = {}
    for name, read in _fields_of(kind).items():
        text = given.get(name.upper())
        if text is None:
            continue
        try:
            values[name] = read(resolve(text) if resolve and is_reference(text) else text)
        except ValueError as error:
            problems.append(f"{name.upper()}: {error}")
    return values


VARIABLES = _fields_of(Settings)
"""Every setting, and what reads it."""
