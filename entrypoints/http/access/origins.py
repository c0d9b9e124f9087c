"""Which hosts and which web pages are this server's own.

A browser can be made to send requests here by any page. A page under a name that leads to this
machine (DNS rebinding) shows in ``Host``, any other page in ``Origin`` or ``Sec-Fetch-Site``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import Head, header, headers_named
from entrypoints.public_urls import RequestOrigin

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_FETCHES = frozenset({"same-origin", "none"})
"""What browsers say of requests of our own pages, and of a person who typed the address."""


@dataclass(frozen=True)
class OwnOrigins:
    """The hosts that this server answers for. ``public_urls`` are what providers post to."""

    public_urls: tuple[str, ...]
    request_origin: RequestOrigin

    @classmethod
    def of(cls, public_urls: Iterable[str | None], request_origin: RequestOrigin) -> "OwnOrigins":
        """Those of the URLs that are set."""
        return cls(tuple(filter(None, public_urls)), request_origin)

    @cached_property
    def public(self) -> frozenset[str]:
        """The public origins, as browsers write them."""
        return frozenset(_origin(url) for url in self.public_urls)

    @cached_property
    def _public_names(self) -> frozenset[str]:
        return frozenset(_host_name(url) for url in self.public_urls)

    @cached_property
    def _public_by_host(self) -> dict[str, str]:
        """A proxy that ends TLS passes the host on, but not the scheme."""
        return {origin.partition("://")[2]: origin for origin in self.public}

    def origin_of(self, head: Head) -> str:
        """The origin that the request was sent to, as browsers write it.

        Raises ``ProblemError`` (421) if its host, or the one that a trusted proxy names, is
        neither the public one, nor the address that was connected to, nor localhost.
        """
        outer = self.request_origin.of(head)
        hosts = headers_named(head, "host")
        if len(hosts) != 1 or not all(
            self._is_own(url, head) for url in (f"http://{hosts[0]}", outer)
        ):
            raise ProblemError(
                421, "this server does not answer for this host: PUBLIC_BASE_URL names its own"
            )
        origin = _origin(outer)
        return self._public_by_host.get(origin.partition("://")[2], origin)

    def require_own_page(self, head: Head, own: str) -> None:
        """Raise ``ProblemError`` (403) if a page of another site made a browser send this.

        ``own`` is the origin that the request was sent to. A proxy may have changed it: so the
        public ones are our own too.
        """
        origin, site = header(head, "origin"), header(head, "sec-fetch-site")
        if origin is None:
            is_own = site is None or site in _OWN_FETCHES
        else:
            is_own = origin == own or origin in self.public
        if not is_own:
            raise ProblemError(403, "a page of another site may not do this")

    def is_secure(self, head: Head, own: str) -> bool:
        """Whether the browser that sent this speaks https, with us or with a proxy before us."""
        return (header(head, "origin") or own).startswith("https://")

    def _is_own(self, url: str, head: Head) -> bool:
        name = _host_name(url)
        address, *_ = head.get("server") or ("",)
        return bool(name) and (
            name in _LOCAL_NAMES or name in self._public_names or name == address
        )


def _host_name(url: str) -> str:
    """The name or address in ``url``; empty if there is none that can be read."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where it is no number
        has_host_alone = "@" not in parts.netloc and "\\" not in parts.netloc
        return (parts.hostname or "").rstrip(".") if has_host_alone else ""
    except ValueError:
        return ""


def _origin(url: str) -> str:
    """Scheme, host and port: without a port that the scheme has anyway."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    is_usual = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{parts.port}"
