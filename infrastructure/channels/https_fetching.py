"""Fetch a file by HTTPS from a host that a provider names, and from nowhere else.

Against forged requests from the server's side (SSRF): the URL is parsed once, its host resolved
once, and the address that was checked is the one that is connected to.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from http.client import HTTPException

from typing_extensions import override
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from application.ports.byte_stream import CHUNK_BYTES, ByteStream
from application.ports.media_source import MAX_MEDIA_BYTES
from domain.errors import MediaNotFoundError, MediaRefusedError, MediaUnavailableError
from infrastructure.channels.public_addresses import is_public, system_addresses
from infrastructure.channels.timed_socket import Budget, TimedSocket, call_within

MAX_REDIRECTS = 3
SECONDS = 10.0
"""How long one fetch may wait for others in all: the time that its reader takes is not counted."""

_CONNECT_SECONDS = 3.0
"""How long one of several addresses may take to accept a connection."""

_HEADS_BYTES = 1024 * 1024
"""How much of the answers may be no content."""

_HEADERS = {"User-Agent": "frontdesk"}

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

_URL = re.compile(
    r"(?i:https)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::443)?"
    r"(?P<target>/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?)"
    r"(?:#.*)?"
)
"""RFC 3986, without user info, other ports, and addresses of IPv6."""


@dataclass(frozen=True, slots=True)
class HttpsUrl:
    """A URL in its parts: nothing looks at its text once more."""

    host: str
    target: str

    @classmethod
    def parse(cls, text: str) -> "HttpsUrl":
        """``text`` if it is an https URL with a host and the usual port.

        Else ``MediaRefusedError``.
        """
        parts = _URL.fullmatch(text)
        if parts is None:
            raise MediaRefusedError("the file's URL is not one like https://example.com/path")
        return cls(parts["host"].lower(), parts["target"])


def trusted_authorities() -> ssl.SSLContext:
    """The authorities by which fallbacks are sent, too, whatever the environment says."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


class _Connection(HTTPSConnection):
    """Connects to the first of ``addresses`` that answers, and asks it to prove to be ``host``."""

    def __init__(
        self,
        host: str,
        addresses: Sequence[str],
        port: int,
        *,
        context: ssl.SSLContext,
        budget: Budget,
    ) -> None:
        super().__init__(host, timeout=budget.seconds_left)
        self._addresses = addresses
        self._actual_port = port
        self._context = context
        self._budget = budget

    @override
    def connect(self) -> None:
        plain = self._connected()
        try:
            tls = self._context.wrap_socket(
                plain,
                server_hostname=self.host,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
            )
        except BaseException:
            plain.close()
            raise
        self.sock = tls
        assert isinstance(tls, TimedSocket)  # noqa: S101 - for the types
        tls.budget = self._budget
        tls.do_handshake()

    def _connected(self) -> socket.socket:
        *others, last = self._addresses
        for address in others:
            try:
                return self._connected_to(address)
            except OSError:
                continue
        return self._connected_to(last)

    def _connected_to(self, address: str) -> socket.socket:
        with self._budget.waiting() as seconds:
            timeout = min(seconds, _CONNECT_SECONDS)
            return socket.create_connection((address, self._actual_port), timeout)


@dataclass(frozen=True)
class HttpsFetcher:
    """Fetches files of at most ``max_bytes``, within ``seconds`` that others take.

    Tests put other things in place of the internet: how a host is resolved, which addresses are
    public, which authorities are trusted, and at which port servers listen.
    """

    resolve: Callable[[str], Sequence[str]] = system_addresses
    is_allowed: Callable[[str], bool] = is_public
    authorities: Callable[[], ssl.SSLContext] = trusted_authorities
    port: int = 443
    seconds: float = SECONDS
    max_bytes: int = MAX_MEDIA_BYTES

    def fetch(self, url: HttpsUrl, authorization: str) -> ByteStream:
        """The file at ``url``, behind at most three redirects, which never see ``authorization``.

        Raises ``MediaNotFoundError``, ``MediaRefusedError`` and ``MediaUnavailableError``, as do
        the chunks.
        """
        budget = Budget(self.seconds, self.max_bytes + _HEADS_BYTES)
        headers = {"Authorization": authorization}
        for _ in range(1 + MAX_REDIRECTS):
            with _errors(url.host):
                connection, response = self._answer(url, headers, budget)
            try:
                location = _redirect_of(response)
                if location is None:
                    return self._stream(url.host, connection, response)
                url, headers = _redirected(url, location), {}
            except BaseException:
                _close(connection, response)
                raise
            _close(connection, response)
        raise MediaRefusedError("the file is behind too many redirects")

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = self.authorities()
        context.sslsocket_class = TimedSocket
        return context

    def _answer(
        self, url: HttpsUrl, headers: dict[str, str], budget: Budget
    ) -> tuple[_Connection, HTTPResponse]:
        addresses = self._addresses(url.host, budget)
        connection = _Connection(
            url.host, addresses, self.port, context=self._context, budget=budget
        )
        try:
            connection.request(
                "GET",
                url.target,
                headers={**_HEADERS, **headers},
                preload_content=False,
                decode_content=False,
            )
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def _addresses(self, host: str, budget: Budget) -> list[str]:
        with budget.waiting() as seconds:
            found = call_within(seconds, partial(self.resolve, host))
        allowed = [address for address in found if self.is_allowed(address)]
        if not allowed:
            raise MediaRefusedError(f"{host} has no public address")
        return allowed

    def _stream(self, host: str, connection: _Connection, response: HTTPResponse) -> ByteStream:
        _check(host, response)
        size_bytes = response.length_remaining
        if (size_bytes or 0) > self.max_bytes:
            raise self._too_large()
        return ByteStream(
            self._chunks(host, response), size_bytes, partial(_close, connection, response)
        )

    def _chunks(self, host: str, response: HTTPResponse) -> Iterator[bytes]:
        left = self.max_bytes
        with _errors(host):
            while chunk := response.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise self._too_large()
                yield chunk

    def _too_large(self) -> MediaRefusedError:
        return MediaRefusedError(f"the file is larger than {self.max_bytes // 1024**2} MB")


def _redirect_of(response: HTTPResponse) -> str | None:
    return response.headers.get("location") if response.status in _REDIRECTS else None


def _redirected(url: HttpsUrl, location: str) -> HttpsUrl:
    """``location``, a whole URL or a path from the root: programs read other forms differently."""
    is_path = location.startswith("/") and not location.startswith("//")
    return HttpsUrl.parse(f"https://{url.host}{location}" if is_path else location)


def _check(host: str, response: HTTPResponse) -> None:
    """Raise unless the answer is a whole file as it is."""
    status = response.status
    if status in _GONE:
        raise MediaNotFoundError(f"{host} has no such file any more")
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise MediaUnavailableError(f"{host} answered {status}")
    if status == HTTPStatus.UNAUTHORIZED:
        raise MediaRefusedError(f"{host} answered 401: is the account's first token still valid?")
    if status != HTTPStatus.OK:
        raise MediaRefusedError(f"{host} answered {status}")
    # It was not asked for, and a small answer could become an endless file.
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaRefusedError(f"{host} sends the file in a content encoding")


def _close(connection: HTTPSConnection, response: HTTPResponse) -> None:
    response.close()
    connection.close()


@contextmanager
def _errors(host: str) -> Iterator[None]:
    """Translate what goes wrong on the way to ``host``."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MediaRefusedError(f"{host} does not prove that it is this host") from error
    except (OSError, ValueError, HTTPError, HTTPException) as error:
        # A ValueError is a host's name that cannot be one, for the resolver or for TLS.
        kind = type(error).__name__
        raise MediaUnavailableError(f"no file from {host}: {kind}") from error
