"""The URLs that Twilio may have signed where Frontdesk checks another one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, permutations
from typing import NamedTuple
from urllib.parse import quote, unquote

from application.ports.signature_doctor import Capture
from infrastructure.channels.twilio.signature_doctor.best_first import (
    Axis,
    Variation,
    best_first,
    ranked,
)

MAX_URLS = 6_000

COMMON_PREFIXES = (
    *("/prod", "/dev", "/api", "/stage", "/staging", "/test", "/production", "/default", "/v1"),
    *("/live", "/webhooks", "/webhook", "/twilio", "/frontdesk", "/hooks", "/app", "/api/v1"),
)
"""Stages and base paths that operators often choose."""

COMMON_PATHS = ("/webhooks/sms", "/webhooks/whatsapp", "/sms", "/whatsapp", "/")
COMMON_PORTS = ("443", "80", "8443", "8080", "8000", "3000", "5000", "4443", "4040")

_PATH_HEADERS = (
    *("x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path"),
    *("x-envoy-original-path", "x-replaced-path", "x-request-uri", "x-original-path"),
)
"""Where proxies note the path, and often the query, that they have replaced."""

_PREFIX_HEADERS = ("x-forwarded-prefix", "x-script-name", "x-ingress-path", "x-base-path")
_HOST_HEADERS = (
    *("x-forwarded-host", "x-original-host", "x-host", "x-forwarded-server", ":authority", "host"),
    "disguised-host",
)
_SCHEME_HEADERS = ("x-forwarded-proto", "x-forwarded-scheme", "x-scheme", "x-url-scheme")
_FORWARDED = re.compile(r'(host|proto)="?([^";,]+)"?', re.IGNORECASE)
_PORT = re.compile(r":([0-9]{1,5})\Z")
MAX_PERMUTED_PARAMETERS = 4
MAX_SEGMENTS = 24
"""How many segments of a path, or parameters of a query, may have been added."""

MAX_VALUES = 8
"""How many values of forwarding headers are tried: a capture may have any number."""


class Url(NamedTuple):
    """A URL in parts. ``port`` has its colon, or is empty; so has ``query`` its question mark."""

    scheme: str
    host: str
    port: str
    path: str
    query: str

    @classmethod
    def parse(cls, text: str) -> "Url":
        """``text`` without user info and fragment, all else byte for byte."""
        scheme, _, rest = text.partition("#")[0].partition("://")
        before, mark, query = rest.partition("?")
        authority, slash, path = before.partition("/")
        authority = authority.rpartition("@")[2]
        port = _PORT.search(authority)
        host = authority[: port.start()] if port else authority
        return cls(scheme, host, port[0] if port else "", slash + path, mark + query)

    @property
    def text(self) -> str:
        """The URL as Twilio signs it."""
        return "".join((self.origin, self.path, self.query))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}{self.port}"

    @property
    def without_default_port(self) -> "Url":
        """The same URL as an operator writes it."""
        return self._replace(port="" if self.port == _default_port(self.scheme) else self.port)


def url_variations(start: str, capture: Capture, known: Sequence[str]) -> Axis[str]:
    """The URLs near ``start``, which Frontdesk checks first: the likeliest first.

    ``known`` are URLs that are configured, or that an operator has given.
    """
    url = Url.parse(start)
    others = [Url.parse(text) for text in known]
    origins = ranked(_origins(url, capture, others))
    paths = ranked(_paths(url, capture, others))
    queries = ranked(_queries(url, capture, others))
    return Axis(
        (
            Variation(
                f"{origin.value}{path.value}{query.value}", origin.cost + path.cost + query.cost
            )
            for origin, path, query in best_first((origins, paths, queries))
        ),
        MAX_URLS,
    )


def _origins(start: Url, capture: Capture, known: Sequence[Url]) -> Iterator[Variation[str]]:
    shown = Url.parse(capture.origin)
    schemes = {"https": 1.0, "http": 1.1, start.scheme: 0.0}
    hosts = {start.host: 0.0}
    ports = {start.port: 0.0}
    for url in (*known, shown, *map(Url.parse, _forwarded_origins(capture, shown))):
        # What belongs together is one change: a proxy that hides the host hides the scheme too.
        yield Variation(url.origin, 1.0)
        hosts.setdefault(url.host, 1.05)
        ports.setdefault(url.port, 1.05)
    for host in [*hosts]:
        other = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        hosts.setdefault(other, 1.2)
        hosts.setdefault(host.lower(), 1.1)
    ports |= {f":{port}": 1.15 for port in COMMON_PORTS if f":{port}" not in ports}
    for scheme, scheme_cost in sorted(schemes.items(), key=lambda one: one[1]):
        # Without a port, or with the default one: Twilio does both, and Frontdesk tries both.
        for port, port_cost in {**ports, "": 0.0, _default_port(scheme): 0.02}.items():
            for host, host_cost in hosts.items():
                yield Variation(f"{scheme}://{host}{port}", scheme_cost + host_cost + port_cost)


def _default_port(scheme: str) -> str:
    return ":80" if scheme.lower() == "http" else ":443"


def _forwarded_origins(capture: Capture, shown: Url) -> Iterator[str]:
    """Where the request says that it came from, by what proxies have noted in its headers."""
    hosts = [*_values(capture, _HOST_HEADERS), *capture.hosts]
    schemes = _values(capture, _SCHEME_HEADERS)
    if any(value.lower() == "on" for value in _values(capture, ("x-forwarded-ssl",))):
        schemes.append("https")
    for forwarded in _values(capture, ("forwarded",)):
        for found in islice(_FORWARDED.finditer(forwarded), MAX_VALUES):
            (hosts if found[1].lower() == "host" else schemes).append(found[2])
    schemes = [scheme.lower() for scheme in schemes if scheme.lower() in {"http", "https"}]
    ports = [port for port in _values(capture, ("x-forwarded-port",)) if port.isdigit()]
    for scheme in (*schemes, shown.scheme):
        for host in (*hosts, shown.host):
            yield f"{scheme}://{host}"
            if not _PORT.search(host):
                yield from (f"{scheme}://{host}:{port}" for port in ports)


def _values(capture: Capture, names: Iterable[str]) -> list[str]:
    """The first values of these headers, each of a list by itself."""
    texts = (value for name in names for key, value in capture.headers if key == name)
    parts = (part for text in texts for one in text.split(",") if (part := one.strip()))
    return list(islice(dict.fromkeys(parts), MAX_VALUES))


def _noted(capture: Capture) -> Iterator[Url]:
    """The paths, with their queries, that a proxy has replaced and noted."""
    for value in _values(capture, _PATH_HEADERS):
        yield Url.parse(value if "://" in value else f"https://noted{value}")


def _paths(start: Url, capture: Capture, known: Sequence[Url]) -> Iterator[Variation[str]]:
    for path, cost in _whole_paths(start.path, capture, known):
        yield Variation(path, cost)
        toggled = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        yield Variation(toggled, cost + 1.0)


def _whole_paths(path: str, capture: Capture, known: Sequence[Url]) -> Iterator[tuple[str, float]]:
    yield path, 0.0
    seen = [path, capture.path]
    if capture.path_without_stage is not None:
        seen.append(capture.path_without_stage)
    yield from ((one, 1.0) for one in seen)
    yield from ((url.path, 1.0) for url in (*_noted(capture), *known))
    prefixes = [url.path.rstrip("/") for url in known]
    prefixes += [f"/{value.strip('/')}" for value in _values(capture, _PREFIX_HEADERS)]
    for one in dict.fromkeys(seen):
        yield from ((f"{prefix}{one}", 1.05) for prefix in prefixes if prefix)
        yield from ((shorter, 1.1) for shorter in _without_first_segments(one))
        yield from ((f"{prefix}{one}", 1.15) for prefix in COMMON_PREFIXES)
        yield re.sub("/{2,}", "/", one), 1.1
        yield f"/{one}", 1.2
        yield one.lower(), 1.2
        yield unquote(one, errors="replace"), 1.2
        yield quote(one, "/%:@!$&'()*+,;=~"), 1.2
        for prefix in COMMON_PREFIXES:
            yield from ((f"{prefix}{rest}", 1.4) for rest in _without_first_segments(one))
    yield from ((common, 1.3) for common in COMMON_PATHS)


def _without_first_segments(path: str) -> Iterator[str]:
    rest = path
    for _ in range(MAX_SEGMENTS):
        at = rest.find("/", 1)
        if at == -1:
            return
        rest = rest[at:]
        yield rest


def _queries(start: Url, capture: Capture, known: Sequence[Url]) -> Iterator[Variation[str]]:
    queries = (f"?{query}" if query else "" for query in capture.queries)
    seen = dict.fromkeys((start.query, *queries))
    yield Variation(start.query)
    yield Variation("", 1.0)
    yield from (Variation(url.query, 1.0) for url in (*_noted(capture), *known))
    for rank, query in enumerate(seen):
        yield Variation(query, 1.0 + min(rank, 50) / 100)
    for query in filter(None, [start.query, *islice(seen, 3)]):
        for rank, other in enumerate(_spellings(query[1:])):
            yield Variation(f"?{other}", 1.05 + min(rank, 50) / 100)


def _spellings(query: str) -> Iterator[str]:
    """Other ways to write ``query``, and parts of it."""
    parameters = query.split("&")
    yield query.replace("+", "%20")
    yield query.replace("%20", "+")
    yield unquote(query, errors="replace")
    yield unquote(query.replace("+", " "), errors="replace")
    yield quote(query, "=&%+")
    yield quote(unquote(query, errors="replace"), "=&")
    yield quote(unquote(query, errors="replace"), "=&:/@,;!$'()*~")
    yield re.sub("%[0-9a-fA-F]{2}", lambda escape: escape[0].upper(), query)
    yield re.sub("%[0-9a-fA-F]{2}", lambda escape: escape[0].lower(), query)
    yield query.replace("&amp;", "&")
    yield "&".join(one.removesuffix("=") for one in parameters)
    yield "&".join(one if "=" in one else f"{one}=" for one in parameters)
    yield "&".join(sorted(parameters))
    for number in range(min(len(parameters), MAX_SEGMENTS)):
        yield "&".join((*parameters[:number], *parameters[number + 1 :]))
        yield "&".join(parameters[: number + 1])
    if len(parameters) <= MAX_PERMUTED_PARAMETERS:
        yield from map("&".join, permutations(parameters))
    doubled = dict.fromkeys(chain(parameters))
    yield "&".join(doubled)
