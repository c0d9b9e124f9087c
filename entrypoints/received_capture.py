"""A request that this server has received itself, as a capture."""

from application.ports.signature_doctor import Capture
from application.ports.webhook_parser import WebhookRequest
from entrypoints.public_urls import sent_queries

MAX_URL_CHARACTERS = 16_384


def received_capture(request: WebhookRequest) -> Capture | None:
    """The capture; ``None`` where the entrypoint cannot tell what the request showed."""
    shown = request.shown_url() if request.shown_url else ""
    scheme, mark, rest = shown.partition("://")
    if not mark or len(shown) > MAX_URL_CHARACTERS:
        return None
    before, mark, query = rest.partition("?")
    host, slash, path = before.partition("/")
    return Capture(
        title=f"{request.method} {scheme}://{before}",
        method=request.method,
        origin=f"{scheme}://{host}",
        path=slash + path,
        queries=sent_queries(query) if mark else ("",),
        headers=request.headers,
        body=request.body,
        received_at=request.received_at,
        checked_urls=request.urls,
    )
