"""What a provider's package exports: one ``Provider``, with what ``frontdesk send`` asks of it."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from domain.channels import ChannelType
from domain.errors import PermanentError, ValidationError

if TYPE_CHECKING:
    from application.clock import Clock
    from application.ports.fallback_sender import FallbackSender
    from application.ports.media_source import MediaSource
    from application.ports.signature_doctor import Capture, SignatureDoctor
    from application.ports.webhook_parser import WebhookParser, WebhookResponse
    from infrastructure.channels.remedies import Explained
    from infrastructure.configuration.provider_accounts import ProviderAccounts
    from infrastructure.configuration.secrets.secret import Secret
    from infrastructure.configuration.secrets.secret_references import ReadSecret
    from infrastructure.configuration.settings import Settings


@dataclass(frozen=True, slots=True)
class SendOption:
    """What some channels have beside sender, recipient and body: an option of ``frontdesk send``.

    ``read`` makes the value of the text, or raises ``ValueError`` with the reason. A flag has
    no text. With an option that ``is_content`` a message needs no body. ``variable`` is the
    environment variable that gives the value too. With ``read_file`` the value is made of a
    file, by its name and its content. An option that ``signs`` is no part of the message. Forms
    show ``title``, and ``example`` is a text that works.
    """

    name: str
    help: str
    channels: tuple[ChannelType, ...]
    read: Callable[[str], object] = str
    metavar: str = "TEXT"
    choices: tuple[str, ...] = ()
    default: str | None = None
    is_flag: bool = False
    is_repeatable: bool = False
    is_content: bool = False
    variable: str | None = None
    read_file: Callable[[str, bytes], object] | None = None
    signs: bool = False
    is_multiline: bool = False
    title: str = ""
    example: str = ""

    @property
    def key(self) -> str:
        """The name under which ``SimulatedMessage.options`` has the value."""
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True, slots=True)
class SimulatedMessage:
    """What a customer writes to a company, for a provider to deliver.

    ``url`` is the one that is signed. ``options`` are the values of the ``SendOption``s of the
    channel. A repeatable one is a tuple, and one that was not given is ``None``.
    """

    channel: ChannelType
    url: str
    sender: str
    sender_name: str | None
    recipient: str
    body: str | None
    message_id: str | None
    tamper: bool
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """A signed webhook, ready to be posted to ``url`` byte for byte.

    ``message_id`` is the provider's id of the message.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request of which a receiver stores nothing, and the response that only Frontdesk gives.

    ``sent`` and ``proof`` say in words what is sent, and what that response proves.
    """

    request: SimulatedRequest
    response: "WebhookResponse"
    sent: str
    proof: str


Accounts = Callable[[], "ProviderAccounts"]
"""The accounts as they are now. Call it for every webhook."""

Webhooks = Callable[[], SimulatedRequest]
"""Makes one webhook after the other. Each has an id of its own unless the message has one."""


class SimulationError(PermanentError):
    """The webhook cannot be made, or not signed. ``option`` names the option that is wrong."""

    def __init__(self, reason: str, option: str | None = None) -> None:
        super().__init__(reason)
        self.option = option


class Simulation(Protocol):
    """How ``frontdesk send`` and the simulator of the console play the provider."""

    options: tuple[SendOption, ...]

    @abstractmethod
    def webhooks(
        self, message: SimulatedMessage, settings: "Settings", read_secret: "ReadSecret"
    ) -> Webhooks:
        """Webhooks that carry ``message``, signed with the secrets of ``settings``.

        Without real secrets the development secret signs. Raises ``SimulationError`` for what
        the provider cannot send, and ``SecretsUnavailableError``.
        """


@dataclass(frozen=True, slots=True)
class UrlSettings:
    """What decides which URLs are checked: the settings of public URLs and of proxies."""

    base_url: str | None = None
    webhook_urls: Mapping[ChannelType, str | None] = field(default_factory=dict)
    trusts_forwarded: bool = False

    def whole_url(self, channel: ChannelType | None) -> str | None:
        """The whole URL of ``channel``, if it is set."""
        return self.webhook_urls.get(channel) if channel else None


CheckedUrls = Callable[["Capture", ChannelType | None, UrlSettings], tuple[str, ...]]
"""The URLs for which a capture would be checked under these settings, if it arrived now."""


MayGoOn = Callable[[int], bool]
"""Whether a search may compute one more signature, of so many bytes. It may let others go first."""


def without_limit(_: int) -> bool:
    """For a search that an operator waits for."""
    return True


@dataclass(frozen=True)
class DoctorTools:
    """What a provider's signature doctor works with.

    ``given_secrets`` are those that an operator wants to try beside the configured ones, and
    ``given_url`` is the URL as the provider is configured with it. ``may_go_on`` is asked before
    each signature, beside the doctor's own limits.
    """

    accounts: "ProviderAccounts"
    settings: "Settings"
    checked_urls: CheckedUrls
    clock: "Clock"
    given_secrets: tuple["Secret", ...] = ()
    given_url: str | None = None
    may_go_on: MayGoOn = without_limit


class Provider(Protocol):
    """One provider: everything that the composition and ``frontdesk send`` need of it.

    Its module imports nothing heavy. The methods import what they build.
    """

    @abstractmethod
    def parser(
        self, channel: ChannelType, accounts: Accounts, settings: "Settings", clock: "Clock"
    ) -> "WebhookParser":
        """The parser of its webhooks on ``channel``."""

    @abstractmethod
    def fallback_sender(self, accounts: Accounts) -> "FallbackSender | None":
        """What sends fallbacks; ``None`` while no account can send."""

    @abstractmethod
    def media_source(self, accounts: Accounts) -> "MediaSource | None":
        """What fetches the files that it holds; ``None`` if it holds none."""

    @abstractmethod
    def simulation(self) -> Simulation:
        """The provider as ``frontdesk send`` plays it."""

    def signature_doctor(self, tools: DoctorTools) -> "SignatureDoctor | None":  # noqa: ARG002 - for those who have one
        """What says why a signature is refused; ``None`` where nothing can be varied."""
        return None

    def probe(
        self,
        channel: ChannelType,
        url: str,
        accounts: "ProviderAccounts",  # noqa: ARG002 - for providers that sign with a shared secret
    ) -> Probe | None:
        """What tells whether ``url`` leads to Frontdesk; ``None`` if no account can tell.

        For any provider, a post without a signature is refused.
        """
        from application.receiving.error_responses import response_to

        return Probe(
            SimulatedRequest(url, {"Content-Type": "application/x-www-form-urlencoded"}, b""),
            response_to(ValidationError()),
            "an unsigned post",
            f"it reaches Frontdesk, which refused it. That is all that can be said: a signature "
            f"that verifies can come on {channel} from the provider alone",
        )

    def explained(self, reason: str) -> "Explained | None":  # noqa: ARG002 - for providers that know some
        """Why webhooks are refused with this reason code, and what an operator can do."""
        return None


def read_http_url(text: str) -> str:
    """``text`` itself, if it is an absolute http or https URL; else ``ValueError``."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(f"{text!r} is no URL like https://example.com/path")
    return text
