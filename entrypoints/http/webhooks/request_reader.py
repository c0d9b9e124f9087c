"""What the head of a request says of a webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from entrypoints.http.console.places import PLACES
from entrypoints.public_urls import PublicUrls, RequestOrigin, sent_path, sent_queries

APPLICATION_PATHS = frozenset(
    {
        *("v1", "sign-in", "sign-out", "assets", "healthz", "readyz", "metrics"),
        *(place.removeprefix("/") for place in PLACES),
    }
)
"""Below these a path is a webhook's only if it ends with ``/webhooks/{channel}``."""


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Makes a ``WebhookRequest`` of an ASGI scope and a body."""

    public_urls: PublicUrls
    request_origin: RequestOrigin

    def __call__(
        self,
        scope: Mapping[str, Any],
        channel: ChannelType | None,
        body: bytes,
        received_at: datetime,
    ) -> WebhookRequest:
        """The request, nothing of it decoded. Raises ``ValidationError`` as ``PublicUrls`` does."""
        url, *other_urls = self._urls(scope, channel)
        return WebhookRequest(
            method=scope["method"],
            url=url,
            other_urls=tuple(other_urls),
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in scope["headers"]
            ),
            body=body,
            received_at=received_at,
            shown_url=partial(_shown_url, scope),
        )

    def _urls(self, scope: Mapping[str, Any], channel: ChannelType | None) -> tuple[str, ...]:
        """The public URLs, path and query as they were sent, byte for byte."""
        query = scope["query_string"].decode("latin-1")
        origin = partial(self.request_origin.of, scope)
        return self.public_urls.of(channel, origin, sent_path(scope), sent_queries(query))


def _shown_url(scope: Mapping[str, Any]) -> str:
    """The URL as the request itself shows it, whoever has sent it."""
    query = scope["query_string"].decode("latin-1")
    return f"{RequestOrigin().of(scope)}{sent_path(scope)}{'?' if query else ''}{query}"


def declared_bytes(scope: Mapping[str, Any]) -> int:
    """What the head says of the length of the body; 0 where it says nothing."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0


def is_of_application(path: str, channel: ChannelType) -> bool:
    """Whether a path that names ``channel`` is one of the application all the same."""
    first = path.lower().lstrip("/").partition("/")[0]
    return first in APPLICATION_PATHS and not path.lower().endswith(f"/webhooks/{channel}")
