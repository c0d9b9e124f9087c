"""Which URLs Frontdesk would check a captured request for."""

import ipaddress

from application.ports.signature_doctor import Capture
from domain.channels import ChannelType
from domain.errors import ValidationError
from entrypoints.public_urls import Network, PublicUrls, RequestOrigin
from infrastructure.channels.provider import UrlSettings

_PROXY = "192.0.2.1"
_PROXIES: tuple[Network, ...] = (ipaddress.IPv4Network(f"{_PROXY}/32"),)


def checked_urls(
    capture: Capture, channel: ChannelType | None, settings: UrlSettings
) -> tuple[str, ...]:
    """The URLs that an entrypoint makes of ``capture``.

    Where proxies are trusted, the request counts as coming from one of them.
    """
    public = PublicUrls(settings.base_url, settings.webhook_urls)

    def origin() -> str:
        return _origin(capture) if settings.trusts_forwarded else capture.origin

    try:
        return public.of(channel, origin, capture.path, capture.queries, capture.path_without_stage)
    except ValidationError:
        return (f"{capture.origin}{capture.path}",)


def _origin(capture: Capture) -> str:
    scheme, _, host = capture.origin.partition("://")
    headers = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in capture.headers
        if name != "host"
    ]
    scope = {
        "scheme": scheme,
        "headers": [(b"host", host.encode("latin-1", "replace")), *headers],
        "client": (_PROXY, 0),
    }
    return RequestOrigin(_PROXIES).of(scope)
