"""The public URL of a request: what the provider was configured with, and so what it signed."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from domain.errors import ValidationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """Puts together scheme, host, path and query as the provider saw them.

    With ``base_url`` (an origin) nothing that the request claims about its host counts.
    Without it the request's own host is taken, and forwarded headers are trusted only from
    ``trusted_proxies``.
    """

    base_url: str | None
    trusted_proxies: Sequence[Network] = ()

    def of(self, scope: Scope) -> str:
        """The URL of an ASGI HTTP scope, path and query as they were sent, byte for byte.

        Raises ``ValidationError`` where the request's host cannot be one.
        """
        query: bytes = scope["query_string"]
        target = sent_path(scope) + (f"?{query.decode('latin-1')}" if query else "")
        url = (self.base_url or self._origin(scope)) + target
        try:
            urlsplit(url)
        except ValueError as error:
            raise ValidationError("no provider signs a URL with such a host") from error
        return url

    def _origin(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        trusted: Mapping[str, str] = headers if self._comes_from_proxy(scope) else {}
        scheme, host, port = (
            trusted.get(f"x-forwarded-{name}", "").partition(",")[0].strip()
            for name in ("proto", "host", "port")
        )
        scheme, host = scheme or str(scope["scheme"]), host or headers.get("host", "")
        has_port = host.rpartition(":")[2].isdigit()  # "1]" of an IPv6 address is none
        if port and not has_port and port != {"https": "443", "http": "80"}.get(scheme):
            host = f"{host}:{port}"
        return f"{scheme}://{host}"

    def _comes_from_proxy(self, scope: Scope) -> bool:
        client, *_ = scope.get("client") or ("",)
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self.trusted_proxies)


def sent_path(scope: Scope) -> str:
    """The path as it was sent, still percent-encoded."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.decode("latin-1")
