"""Channels: how a provider's webhook is read, and how one sends an answer through it."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from domain.channels import ChannelType
from domain.messages import AttachedFile, InboundMessage


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's HTTP request as it came in, nothing decoded.

    ``url`` is the public URL, as the provider was configured with it (scheme, host, path,
    query): signatures cover it. ``other_urls`` are further forms that it may have had, as far
    as an entrypoint cannot tell. ``headers`` have lower-case names, in order, with repetitions.
    ``shown_url`` gives the URL that the request itself shows, where an entrypoint can tell.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    other_urls: tuple[str, ...] = field(default=(), repr=False)
    shown_url: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @property
    def urls(self) -> tuple[str, ...]:
        """Every form that the public URL may have, the likeliest first."""
        return (self.url, *self.other_urls)

    @property
    def path(self) -> str:
        """The path of the public URL, still percent-encoded."""
        return urlsplit(self.url).path

    def header(self, name: str) -> str | None:
        """The value of a header; ``None`` if it is missing *or repeated*.

        Two values of one security header are an attempt to be read in two ways.
        """
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """A request that ``account`` has signed, as ``validate`` or a store returns it.

    ``channel`` is the one that the path names. ``id`` has 32 hex digits: a hash of the account
    and of what was signed. An attacker who captured a request can write it in other ways without
    breaking its signature: in another order, encoding or grouping. All of them have one id.
    ``decoded`` is what the parser has decoded of the body, so that it need not do so again.
    """

    channel: ChannelType
    account: str
    request: WebhookRequest = field(repr=False)
    id: str
    decoded: object = field(default=None, repr=False, compare=False)

    @classmethod
    def signed(
        cls,
        channel: ChannelType,
        account: str,
        request: WebhookRequest,
        signed_content: bytes,
        decoded: object = None,
    ) -> "VerifiedWebhook":
        """The webhook whose signature covers ``signed_content``."""
        digest = hashlib.sha256(account.encode() + b"\0")
        digest.update(signed_content)
        return cls(channel, account, request, digest.hexdigest()[:32], decoded)

    def without_authorization(self) -> "VerifiedWebhook":
        """This webhook as it may be stored: its ``Authorization`` header could be replayed."""
        headers = tuple(pair for pair in self.request.headers if pair[0] != "authorization")
        return replace(self, request=replace(self.request, headers=headers))


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
    """Reads the webhooks of one provider on one channel."""

    max_body_bytes: int
    """No authentic webhook of this provider is larger. A smaller limit may be configured."""

    signs_each: bool = False
    """Whether each webhook that was accepted has a signature that covers all its fields."""

    @abstractmethod
    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        """Verify that ``request`` is authentic, on its raw bytes.

        Returns it with the id of the provider account whose secret signed it. Raises
        ``ValidationError`` if no account did (whatever the reason: it fails closed),
        ``PayloadTooLargeError`` over a limit that protects the check itself,
        ``SecretsUnavailableError`` when the secrets cannot be read.
        """

    @abstractmethod
    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        """The messages in ``webhook``, which ``validate`` or a store returned.

        Normally one; mail to several of our addresses gives one for each, and a status callback,
        which tells what became of a message that was sent, none. Raises
        ``UnreadableMessageError`` for whatever cannot be understood.
        """

    @abstractmethod
    def respond(self) -> WebhookResponse:
        """The provider's own form of "thank you, nothing to say": always the same bytes."""


@dataclass(frozen=True)
class WebhookParserFactory:
    """Finds the parser of a channel; it is built, and its libraries imported, on first use."""

    parsers: Mapping[ChannelType, Callable[[], WebhookParser]]

    def for_channel(self, channel: ChannelType) -> WebhookParser:
        """The parser of ``channel``."""
        return self.parsers[channel]()
