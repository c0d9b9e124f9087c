"""The public URL of a request: what the provider was configured with, and so what it signed."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from domain.channels import ChannelType
from domain.errors import ValidationError

_NEEDLESS_ESCAPE = re.compile("%(?:2[147-9ACF]|3[ABF]|40)", re.IGNORECASE)
"""Of ``!$'()*,/:;?@``: what may stand in a query as it is (RFC 3986, 3.4), and parts nothing."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """Says which URLs a provider may have been configured with, where a request shows but one.

    ``webhook_urls`` are whole URLs: nothing else is tried on their channels. With ``base_url``,
    an origin with or without a path, nothing that the request claims about its host counts.
    """

    base_url: str | None = None
    webhook_urls: Mapping[ChannelType, str | None] = field(default_factory=dict)

    def of(
        self,
        channel: ChannelType | None,
        origin: Callable[[], str],
        path: str,
        queries: Sequence[str] = ("",),
        path_without_stage: str | None = None,
    ) -> tuple[str, ...]:
        """The URLs of a request, the likeliest first; ``path`` and ``queries`` are not decoded.

        A CDN may have added the stage of a gateway: then ``base_url`` goes with
        ``path_without_stage``. ``origin`` gives the scheme and the host that the request itself
        shows. Raises ``ValidationError`` where they cannot be any.
        """
        whole = self.webhook_urls.get(channel) if channel else None
        if whole is not None:
            return (whole,)
        starts = self._starts(origin, path)
        if self.base_url is not None and path_without_stage is not None:
            starts = tuple(dict.fromkeys((*starts, self.base_url + path_without_stage)))
        ends = (f"?{query}" if query else "" for query in queries)
        return tuple(start + end for end in ends for start in starts)

    def _starts(self, origin: Callable[[], str], path: str) -> tuple[str, ...]:
        """All before the query. The path of ``base_url`` may or may not be in ``path`` already."""
        if self.base_url is None:
            return (_valid(origin()) + path,)
        base_origin, base_path = _split_base(self.base_url)
        added = self.base_url + path
        has_it = bool(base_path) and f"{path}/".startswith(f"{base_path}/")
        return (base_origin + path, added) if has_it else (added,)


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Scheme and host as an HTTP request shows them.

    Forwarded headers are trusted only from ``trusted_proxies``.
    """

    trusted_proxies: Sequence[Network] = ()

    def of(self, scope: Mapping[str, Any]) -> str:
        """The origin of an ASGI HTTP scope."""
        scheme, host = str(scope["scheme"]), _header(scope, b"host")
        if not (self.trusted_proxies and self._comes_from_proxy(scope)):
            return f"{scheme}://{host}"
        trusted = (_header(scope, b"x-forwarded-" + name) for name in (b"proto", b"host", b"port"))
        outer_scheme, outer_host, port = (text.partition(",")[0].strip() for text in trusted)
        scheme, host = outer_scheme.lower() or scheme, outer_host or host
        has_port = host.rpartition(":")[2].isdigit()  # "1]" of an IPv6 address is none
        if port and not has_port and port != {"https": "443", "http": "80"}.get(scheme):
            host = f"{host}:{port}"
        return f"{scheme}://{host}"

    def _comes_from_proxy(self, scope: Mapping[str, Any]) -> bool:
        client, *_ = scope.get("client") or ("",)
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self.trusted_proxies)


def sent_queries(query: str) -> tuple[str, ...]:
    """The queries that may have been signed where ``query`` was sent: at most two.

    Twilio signs ``ref=sip:12@acme.example`` as it was configured, and may send it escaped:
    https://github.com/twilio/twilio-node/pull/621
    """
    plain = _NEEDLESS_ESCAPE.sub(lambda escape: chr(int(escape[0][1:], 16)), query)
    return (query,) if plain == query else (query, plain)


def sent_path(scope: Mapping[str, Any]) -> str:
    """The path of an ASGI HTTP scope as it was sent, still percent-encoded."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.decode("latin-1")


def _valid(origin: str) -> str:
    try:
        urlsplit(origin)
    except ValueError as error:
        raise ValidationError("no provider signs a URL with such a host") from error
    return origin


def _split_base(base_url: str) -> tuple[str, str]:
    scheme, _, rest = base_url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found.decode("latin-1")
