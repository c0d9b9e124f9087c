"""Channels: how a provider's webhook is read, and how one sends an answer through it."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from domain.channels import ChannelType, channel_in_path
from domain.messages import AttachedFile, InboundMessage


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's HTTP request as it came in, nothing decoded.

    ``url`` is the public URL, as the provider was configured with it (scheme, host, path,
    query): signatures cover it. ``headers`` have lower-case names, in order, repeats kept.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime

    @property
    def path(self) -> str:
        """The path of the public URL, still percent-encoded."""
        return urlsplit(self.url).path

    def without_authorization(self) -> "WebhookRequest":
        """This request as it may be stored: its ``Authorization`` header could be replayed."""
        headers = tuple(pair for pair in self.headers if pair[0] != "authorization")
        return replace(self, headers=headers)

    def header(self, name: str) -> str | None:
        """The value of a header; ``None`` if it is missing *or repeated*.

        Two values of one security header are somebody's attempt to be read twice.
        """
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What the provider gets back."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message of a webhook, with the files that came inside it and must still be stored."""

    message: InboundMessage
    files: tuple[AttachedFile, ...] = ()


class WebhookParser(Protocol):
    """Reads the webhooks of one provider."""

    max_body_bytes: int
    """No authentic webhook of this provider is larger. A smaller limit may be configured."""

    @abstractmethod
    def validate(self, request: WebhookRequest) -> str:
        """Prove that ``request`` is authentic, on its raw bytes.

        Returns the id of the provider account whose secret signed it. Raises
        ``ValidationError`` if none did (whatever the reason: it fails closed),
        ``PayloadTooLargeError`` over a limit that protects the check itself,
        ``SecretsUnavailableError`` when the secrets cannot be read.
        """

    @abstractmethod
    def signed_content(self, request: WebhookRequest) -> bytes:
        """What the proof of an authentic ``request`` covers: the same bytes for whatever it proves.

        Whoever captured one request can write it in other ways without breaking its signature:
        in another order, encoding or grouping, under another path. All of them are one.
        """

    @abstractmethod
    def parse(self, request: WebhookRequest, account: str) -> tuple[ParsedMessage, ...]:
        """The messages in ``request``, which ``account`` was proven to have signed.

        Normally one; mail to several of our addresses gives one for each. Raises
        ``UnreadableMessageError`` for whatever cannot be understood.
        """

    @abstractmethod
    def respond(self) -> WebhookResponse:
        """The provider's own form of "thank you, nothing to say": always the same bytes."""


@dataclass(frozen=True)
class WebhookParserFactory:
    """Finds the parser of a channel; it is built, and its libraries imported, on first use."""

    parsers: Mapping[ChannelType, Callable[[], WebhookParser]]

    def for_path(self, path: str) -> tuple[ChannelType, WebhookParser]:
        """The channel that ``path`` names, and its parser; else ``UnsupportedChannelError``."""
        channel = channel_in_path(path)
        return channel, self.for_channel(channel)

    def identity(self, request: WebhookRequest, account: str) -> str:
        """A name for ``request``, 32 hex digits: of all that one proof of ``account`` covers.

        Of its path and raw body where no parser can say what that is: never an error, for
        without a name nothing can be kept.
        """
        digest = hashlib.sha256(account.encode() + b"\0")
        digest.update(self._signed_content(request))
        return digest.hexdigest()[:32]

    def _signed_content(self, request: WebhookRequest) -> bytes:
        # Whatever is wrong: whoever works on the request finds out and reports it.
        with suppress(Exception):
            _, parser = self.for_path(request.path)
            return parser.signed_content(request)
        return request.path.encode() + b"\0" + request.body

    def for_channel(self, channel: ChannelType) -> WebhookParser:
        """The parser of ``channel``."""
        return self.parsers[channel]()
