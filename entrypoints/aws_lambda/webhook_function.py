"""The function: an event in, a response out. Built once, before the first event comes."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest, WebhookResponse
from application.receiving.receive_webhook import ReceiveWebhook, WebhookExchange
from domain.channels import ChannelType
from domain.errors import PayloadTooLargeError, ValidationError, WebhookHandlerError
from entrypoints.aws_lambda.api_gateway_events import HttpEvent, read_event
from entrypoints.aws_lambda.startup import invocation, start
from entrypoints.composition.container import Container
from entrypoints.public_urls import PublicUrls

INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""Lambda says here whether a provider waits for the start: then it is ``on-demand``."""


@dataclass(frozen=True)
class WebhookFunction:
    """Answers events. Nothing of an event outlives its invocation, but what is stored."""

    receive_webhook: ReceiveWebhook
    public_urls: PublicUrls
    max_body_bytes: int
    clock: Clock
    flush_metrics: Callable[[], None]

    def __call__(self, event: object, aws_request_id: str | None = None) -> dict[str, object]:
        """The response to ``event``, in the shape that its sender expects. Never raises."""
        http_event = read_event(event)
        with invocation(aws_request_id, self.flush_metrics):
            return http_event.respond(self._respond(http_event))

    def _respond(self, event: HttpEvent) -> WebhookResponse:
        exchange = self.receive_webhook.begin(event.method, _path_of(event))
        try:
            request = self._request(event, exchange)
        except WebhookHandlerError as error:
            return exchange.refuse(error)
        return exchange.process(request)

    def _request(self, event: HttpEvent, exchange: WebhookExchange) -> WebhookRequest:
        """The request in ``event``; a body that cannot be read or is too large is refused."""
        max_body_bytes = min(exchange.max_body_bytes, self.max_body_bytes)
        received_at = self.clock()
        try:
            body = event.body()
        except ValueError as error:
            # Whatever was signed, it was not this.
            raise ValidationError("the event has no body that can be read") from error
        if len(body) > max_body_bytes:
            raise PayloadTooLargeError("the body is over the limit")
        url, *other_urls = self.public_urls.of(
            exchange.channel,
            lambda: event.origin,
            event.path,
            event.queries(),
            event.path_without_stage,
        )
        return WebhookRequest(
            event.method, url, event.headers, body, received_at, tuple(other_urls)
        )


def _path_of(event: HttpEvent) -> str:
    """A URL that cannot be split names no channel."""
    try:
        return urlsplit(event.origin + event.path).path
    except ValueError:
        return ""


def build_function(environ: Mapping[str, str]) -> WebhookFunction:
    """The function for the settings in ``environ``, with every client that it needs."""
    on_demand = environ.get(INITIALIZATION_TYPE, "on-demand") == "on-demand"

    def build(container: Container, flush_metrics: Callable[[], None]) -> WebhookFunction:
        function = assemble(container, flush_metrics)
        _warm_up(container, everything=not on_demand)
        _after_restore(random.seed)
        return function

    return start(environ, build)


def assemble(container: Container, flush_metrics: Callable[[], None]) -> WebhookFunction:
    """The function over the parts of ``container``."""
    settings = container.settings()
    return WebhookFunction(
        receive_webhook=container.receive_webhook(),
        public_urls=PublicUrls(settings.public_base_url, settings.webhook_urls),
        max_body_bytes=settings.max_body_bytes,
        clock=container.clock(),
        flush_metrics=flush_metrics,
    )


def _warm_up(container: Container, *, everything: bool) -> None:
    """Import and build what messages need; the start has more CPU than an invocation.

    The mail parser is left for the first mail while a provider waits for the start.
    """
    parsers = container.parsers()
    for channel in ChannelType if everything else (ChannelType.SMS,):
        parsers.for_channel(channel)


def _after_restore(refresh: Callable[[], None]) -> None:
    """Have ``refresh`` called in every copy of a SnapStart snapshot: they must not be alike."""
    try:
        from snapshot_restore_py import register_after_restore  # type: ignore[import-untyped]  # none
    except ImportError:  # not on Lambda
        return
    register_after_restore(refresh)
