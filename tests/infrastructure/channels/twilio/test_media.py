"""The files at Twilio are fetched, and nothing else is."""

import base64
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from application.ports.byte_stream import CHUNK_BYTES
from domain.errors import (
    MediaNotFoundError,
    MediaRefusedError,
    MediaUnavailableError,
    SecretsUnavailableError,
)
from infrastructure.channels.twilio.media import TwilioMediaSource
from infrastructure.configuration.secrets.accounts import TwilioAccount
from tests.infrastructure.channels.https_server import (
    Authority,
    Handle,
    HttpsServer,
    Visit,
    Write,
    a_fetcher,
    https_server,
    make_authority,
    redirecting,
    responding,
    response,
)
from tests.infrastructure.channels.twilio.webhooks import ACCOUNT_SID, an_account

OTHER_SID = "AC00000000000000000000000000000009"
TOKEN = "first-token"
ACCOUNTS = (an_account("other", account_sid=OTHER_SID), an_account(TOKEN, "second-token"))
ACCOUNT = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}"
PLACE = f"{ACCOUNT}/Messages/MM{'2' * 32}/Media/ME{'3' * 32}"
CDN = "https://media.example.com/a%20b/c?Expires=1&Signature=x%2Fy~"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("authority")
    return make_authority(directory, "api.twilio.com", "media.example.com")


class Internet:
    """Fetches ``PLACE`` where a server responds as a test says."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.visits: list[Visit] = []

    def fetch(self, handle: Handle, url: str = PLACE, **fetcher: Any) -> bytes:
        with https_server(self.authority, handle) as server:
            self.visits = server.visits
            source = a_source(self.authority, server, **fetcher)
            with closing(source.fetch(url, ACCOUNT_SID)) as stream:
                return b"".join(stream)

    def refused(self, handle: Handle, reason: str | None, url: str = PLACE, **fetcher: Any) -> None:
        with pytest.raises(MediaRefusedError, match=reason) as caught:
            self.fetch(handle, url, **fetcher)
        assert_no_secret(caught.value)

    def unavailable(self, handle: Handle, reason: str | None = None, **fetcher: Any) -> None:
        with pytest.raises(MediaUnavailableError, match=reason) as caught:
            self.fetch(handle, **fetcher)
        assert_no_secret(caught.value)

    @property
    def targets(self) -> list[str]:
        return [visit.host + visit.target for visit in self.visits]


def a_source(authority: Authority, server: HttpsServer, **fetcher: Any) -> TwilioMediaSource:
    return TwilioMediaSource(lambda: ACCOUNTS, a_fetcher(authority, server, **fetcher))


def assert_no_secret(error: BaseException) -> None:
    """Of the URL the host at most is told, of the account nothing."""
    for text in (ACCOUNT_SID, TOKEN, "Media/", "Signature"):
        assert text not in str(error)


@pytest.fixture
def internet(authority: Authority) -> Internet:
    return Internet(authority)


def test_file_is_fetched_with_the_first_token_of_the_account(internet: Internet) -> None:
    assert internet.fetch(responding(response(b"file"))) == b"file"
    (visit,) = internet.visits
    assert f"https://{visit.host}{visit.target}" == PLACE
    credentials = base64.b64decode(visit.headers["authorization"].removeprefix("Basic "))
    assert credentials == f"{ACCOUNT_SID}:{TOKEN}".encode()
    assert visit.headers["accept-encoding"] == "identity"


def test_file_is_read_behind_redirects_without_credentials(internet: Internet) -> None:
    handle = redirecting(CDN, "/d/e", "https://API.twilio.com:443/f#g", content=b"x" * 300_000)
    assert internet.fetch(handle) == b"x" * 300_000
    assert internet.targets == [
        PLACE.removeprefix("https://"),
        CDN.removeprefix("https://"),
        "media.example.com/d/e",
        "api.twilio.com/f",
    ]
    assert ["authorization" in visit.headers for visit in internet.visits] == [True, *[False] * 3]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(internet: Internet, status: int) -> None:
    assert internet.fetch(redirecting(CDN, status=status)) == b"file"


def test_redirects_end_at_the_fourth(internet: Internet) -> None:
    internet.refused(redirecting(CDN, CDN, CDN, CDN), "too many redirects")
    assert len(internet.visits) == 4


@pytest.mark.parametrize(
    "location",
    [
        *("http://media.example.com/a", "ftp://media.example.com/a", "file:///etc/passwd"),
        *("https://user@media.example.com/a", "https://user:word@media.example.com/a"),
        *("https://media.example.com:8443/a", "https://media.example.com:80/a"),
        *("https://[::1]/a", "https://media.example.com\\@127.0.0.1/a", "https://médià.example/a"),
        *("https:///a", "https://", "https://media.example.com", "//user@media.example.com/a"),
        *("https://media.example.com/a b", "https://media.example.com/\tb", "https://[/a"),
        *("https://.media.example.com/a", "https://-/a", f"https://{'a' * 254}/a", "", "a", "?a"),
        *("#a", "..", "https:a", "https:/a", "///media.example.com/a", "/a\\b", "\\a"),
    ],
)
def test_redirect_to_another_kind_of_place_is_refused(internet: Internet, location: str) -> None:
    handle = responding(response(b"", f"Location: {location}", status=302), response(b"secret"))
    internet.refused(handle, "is not one like")
    assert len(internet.visits) == 1


def test_redirect_to_a_private_address_is_refused(internet: Internet) -> None:
    inside = {"media.example.com": "127.0.0.2"}
    internet.refused(redirecting(CDN), "media.example.com has no public address", addresses=inside)
    assert len(internet.visits) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_redirect_to_this_machine_is_refused(internet: Internet, host: str) -> None:
    from infrastructure.channels.public_addresses import is_public, system_addresses

    def resolve(name: str) -> Sequence[str]:
        return ["127.0.0.1"] if name == "api.twilio.com" else system_addresses(name)

    seen: list[str] = []

    def is_allowed(address: str) -> bool:
        seen.append(address)
        return len(seen) == 1 or is_public(address)

    internet.refused(
        redirecting(f"https://{host}/a"),
        "no public address",
        resolve=resolve,
        is_allowed=is_allowed,
    )
    assert len(internet.visits) == 1


@pytest.mark.parametrize(
    "url",
    [
        PLACE.replace("https:", "http:"),
        PLACE.replace("api.twilio.com", "api.twilio.com.example.com"),
        PLACE.replace("api.twilio.com", "example.com"),
        PLACE.replace("api.twilio.com", "other.api.twilio.com"),
        PLACE.replace("api.twilio.com", "other-api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com."),
        PLACE.replace("api.twilio.com", "api.twilio.com:8443"),
        PLACE.replace("api.twilio.com", "user:word@api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com@example.com"),
        PLACE.replace("api.twilio.com", "example.com\\@api.twilio.com"),
        PLACE.replace("api.twilio.com", "example.com#@api.twilio.com"),
        PLACE.replace("api.twilio.com", "api.twilio.com\t"),
        PLACE.replace("api.twilio.com", "a\u03c1i.twilio.com"),
        PLACE.replace(ACCOUNT_SID, OTHER_SID),
        PLACE.replace("2010-04-01", "2011-04-01"),
        f"{ACCOUNT}.json",
        f"{ACCOUNT}/Messages.json",
        f"{ACCOUNT}/../{OTHER_SID}/Messages/MM2/Media/ME3",
        f"{ACCOUNT}/Messages/../Media/ME3",
        f"{ACCOUNT}/Messages/MM2/Media/..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3/../../../../{ACCOUNT_SID}.json",
        f"{ACCOUNT}/./Messages/MM2/Media/ME3",
        f"{ACCOUNT}//Messages/MM2/Media/ME3",
        f"{ACCOUNT}/Messages/MM2/Media/%2e%2e",
        f"{ACCOUNT}/Messages/MM2/Media/%252e%252e",
        f"{ACCOUNT}/Messages/MM2/Media/ME3%2f..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3%5c..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\\..",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\r\nX-Forged: 1",
        f"{ACCOUNT}/Messages/MM2/Media/ME3\n",
        f"{ACCOUNT}/Messages/MM2/Media/ME3?x=..",
        f"{PLACE} HTTP/1.1",
        f"{PLACE}.json",
        "",
        "https://[",
        "x" * 100_000,
    ],
)
def test_url_that_is_not_of_a_file_of_the_account_is_refused(internet: Internet, url: str) -> None:
    asked: list[str] = []
    internet.refused(responding(response(b"secret")), None, url, resolve=asked.append)
    assert asked == []


def a_source_of(accounts: tuple[TwilioAccount, ...]) -> TwilioMediaSource:
    return TwilioMediaSource(lambda: accounts)


def test_media_of_an_account_without_a_token_are_refused() -> None:
    accounts: list[tuple[TwilioAccount, ...]] = [
        (),
        (TwilioAccount(ACCOUNT_SID, ()),),
        ACCOUNTS[:1],
    ]
    for known in accounts:
        with pytest.raises(MediaRefusedError, match="no token is set for the account"):
            a_source_of(known).fetch(PLACE, ACCOUNT_SID)


def test_unreadable_secrets_stay_a_temporary_error() -> None:
    def accounts() -> tuple[TwilioAccount, ...]:
        raise SecretsUnavailableError("not now")

    with pytest.raises(SecretsUnavailableError):
        TwilioMediaSource(accounts).fetch(PLACE, ACCOUNT_SID)


def test_host_that_does_not_prove_its_name_gets_no_credentials(tmp_path: Path) -> None:
    internet = Internet(make_authority(tmp_path, "media.example.com"))
    internet.refused(responding(response(b"x")), "does not prove that it is this host")
    assert internet.visits == []


def test_host_of_a_redirect_must_prove_its_own_name(tmp_path: Path) -> None:
    internet = Internet(make_authority(tmp_path, "api.twilio.com"))
    internet.refused(redirecting(CDN), "media.example.com does not prove that it is this host")
    assert len(internet.visits) == 1


def test_host_of_an_unknown_authority_gets_no_credentials(
    authority: Authority, internet: Internet, tmp_path: Path
) -> None:
    other = make_authority(tmp_path, "api.twilio.com")
    internet.refused(
        responding(response(b"x")), "does not prove that it is", authorities=other.trusted
    )
    assert internet.visits == []


def test_host_is_resolved_once(internet: Internet) -> None:
    asked: list[str] = []

    def rebinding(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    assert internet.fetch(responding(response(b"file")), resolve=rebinding) == b"file"
    assert asked == ["api.twilio.com"]


def test_addresses_that_are_not_public_are_left_out(internet: Internet) -> None:
    def resolve(host: str) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.1", "::1"]

    assert internet.fetch(responding(response(b"file")), resolve=resolve) == b"file"


def test_next_address_is_tried_if_one_does_not_answer(internet: Internet) -> None:
    handle = responding(response(b"file"))
    resolve = lambda host: ["127.0.0.9", "127.0.0.1"]  # noqa: E731 - one line
    content = internet.fetch(handle, resolve=resolve, is_allowed=lambda address: True)
    assert content == b"file"


def test_environment_proxies_are_not_used(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert internet.fetch(responding(response(b"file"))) == b"file"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *[(status, MediaNotFoundError) for status in (404, 410)],
        *[(status, MediaUnavailableError) for status in (408, 429, 500, 503)],
        *[(status, MediaRefusedError) for status in (201, 204, 206, 300, 304, 400, 401, 403)],
    ],
)
def test_answer_without_the_file_is_an_error(
    internet: Internet, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        internet.fetch(responding(response(b"", status=status)))
    assert_no_secret(caught.value)


def test_refused_token_is_named(internet: Internet) -> None:
    internet.refused(responding(response(b"", status=401)), "is the account's first token")


def test_redirect_without_a_place_is_refused(internet: Internet) -> None:
    internet.refused(responding(response(b"", status=302)), "api.twilio.com answered 302")


def test_file_that_is_announced_as_too_large_is_refused_at_once(internet: Internet) -> None:
    internet.refused(
        responding(response(b"x", length=MEGABYTE + 1)), "larger than 1 MB", max_bytes=MEGABYTE
    )


def test_file_as_large_as_allowed_is_read(internet: Internet) -> None:
    content = bytes(MEGABYTE)
    assert internet.fetch(responding(response(content)), max_bytes=MEGABYTE) == content


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + end


def test_file_in_http_chunks_is_read(internet: Internet) -> None:
    assert internet.fetch(responding(chunked(b"a" * 100_000, b"b"))) == b"a" * 100_000 + b"b"


def test_many_small_http_chunks_become_few(authority: Authority) -> None:
    with (
        https_server(authority, responding(chunked(*[b"x"] * 100_000))) as server,
        closing(a_source(authority, server).fetch(PLACE, ACCOUNT_SID)) as stream,
    ):
        sizes = [len(chunk) for chunk in stream]
    assert sizes == [CHUNK_BYTES, 100_000 - CHUNK_BYTES]


def test_file_of_unknown_size_ends_at_the_limit(internet: Internet) -> None:
    def endless(_: Visit, write: Write, __: Event) -> None:
        write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    internet.refused(endless, "larger than 1 MB", max_bytes=MEGABYTE)


def test_file_without_a_length_ends_with_its_connection(internet: Internet) -> None:
    assert internet.fetch(responding(b"HTTP/1.1 200 OK\r\n\r\nfile")) == b"file"


@pytest.mark.parametrize(
    "cut",
    [
        response(b"x" * 100, length=200),
        chunked(b"x" * 100, end=b""),
        chunked(b"x" * 100, end=b"40\r\nxx"),
        chunked(b"x" * 100, end=b"no number\r\n"),
    ],
)
def test_file_that_breaks_off_is_an_error(internet: Internet, cut: bytes) -> None:
    internet.unavailable(responding(cut), "no file from api.twilio.com")


def test_connection_that_ends_without_goodbye_is_an_error(internet: Internet) -> None:
    def cut_off(_: Visit, write: Write, __: Event) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\nfile")
        raise ConnectionAbortedError

    internet.unavailable(cut_off)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x-unknown", "identity, gzip"])
def test_file_in_a_content_encoding_is_refused(internet: Internet, encoding: str) -> None:
    handle = responding(response(b"x", f"Content-Encoding: {encoding}"))
    internet.refused(handle, "in a content encoding")


def dripping(start: bytes, drop: bytes, seconds: float = 0.02) -> Handle:
    """``start`` and then ``drop`` for ever, slowly."""

    def drip(_: Visit, write: Write, is_over: Event) -> None:
        write(start)
        while not is_over.wait(seconds):
            write(drop)

    return drip


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(dripping(b"", b""), id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 O", b"K"), id="status"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"), id="headers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX: ", b"1"), id="header"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
        pytest.param(dripping(response(b"", length=999), b"x"), id="content"),
        pytest.param(dripping(chunked(end=b""), b"1\r\nx\r\n"), id="chunks"),
        pytest.param(dripping(chunked(end=b""), b"1"), id="chunk size"),
        pytest.param(dripping(chunked(b"x", end=b"0\r\n"), b"X: 1\r\n"), id="trailers"),
        pytest.param(dripping(response(b"", "Location: /a", status=302), b""), id="redirects"),
    ],
)
def test_dripping_server_is_given_up_when_the_time_is_over(
    internet: Internet, handle: Handle
) -> None:
    started_at = time.monotonic()
    with pytest.raises((MediaUnavailableError, MediaRefusedError), match=r"no file|redirects"):
        internet.fetch(handle, seconds=0.3)
    assert time.monotonic() - started_at < 10


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param((b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n" * 1000), id="headers"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX: ", b"1" * 10_000), id="header"),
        pytest.param((b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500), id="continue"),
        pytest.param((chunked(end=b""), b"1" * 10_000), id="chunk size"),
        pytest.param((chunked(b"x", end=b"0\r\n"), b"X: 1\r\n" * 1000), id="trailers"),
    ],
)
def test_flood_around_the_content_is_given_up(
    internet: Internet, flood: tuple[bytes, bytes]
) -> None:
    handle, started_at = dripping(*flood, seconds=0), time.monotonic()
    internet.unavailable(handle, "no file from api.twilio.com", max_bytes=MEGABYTE, seconds=30)
    assert time.monotonic() - started_at < 20


def test_time_of_the_reader_does_not_count(authority: Authority) -> None:
    reader = Event()
    with (
        https_server(authority, responding(response(bytes(3 * CHUNK_BYTES)))) as server,
        closing(a_source(authority, server, seconds=0.3).fetch(PLACE, ACCOUNT_SID)) as stream,
    ):
        next(stream)
        reader.wait(0.4)
        assert len(b"".join(stream)) == 2 * CHUNK_BYTES


def test_time_of_the_resolver_counts(internet: Internet) -> None:
    is_over = Event()

    def resolve(host: str) -> Sequence[str]:
        is_over.wait(30)
        return []

    internet.unavailable(responding(response(b"x")), "TimeoutError", resolve=resolve, seconds=0.2)
    is_over.set()


@pytest.mark.parametrize("error", [OSError("no network"), UnicodeError("label too long")])
def test_host_that_cannot_be_resolved_is_unavailable(internet: Internet, error: Exception) -> None:
    def resolve(host: str) -> Sequence[str]:
        raise error

    internet.unavailable(responding(response(b"x")), "no file from", resolve=resolve)


def test_host_that_accepts_no_connection_is_given_up(internet: Internet) -> None:
    """Its queue is full: more attempts get no answer at all."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port, started_at = listener.getsockname()[1], time.monotonic()
        internet.unavailable(responding(response()), "TimeoutError", port=port, seconds=0.2)
        assert time.monotonic() - started_at < 2


def test_server_that_refuses_connections_is_unavailable(internet: Internet) -> None:
    internet.unavailable(responding(response(b"x")), "ConnectionRefusedError", port=9)


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"\r\n"]
)
def test_answer_that_is_no_http_is_unavailable(internet: Internet, garbage: bytes) -> None:
    internet.unavailable(responding(garbage), "no file from")


@pytest.mark.parametrize("when", ["refused", "redirected", "read", "closed early", "broken"])
def test_no_connection_stays_open(authority: Authority, when: str) -> None:
    handles: dict[str, Callable[[], Handle]] = {
        "refused": lambda: responding(response(b"", status=401)),
        "redirected": lambda: redirecting(CDN),
        "read": lambda: responding(response(b"file")),
        "closed early": lambda: responding(response(bytes(MEGABYTE))),
        "broken": lambda: responding(response(b"x", length=100)),
    }
    with https_server(authority, handles[when]()) as server:
        source = a_source(authority, server)
        try:
            with closing(source.fetch(PLACE, ACCOUNT_SID)) as stream:
                if when != "closed early":
                    assert b"".join(stream)
        except (MediaRefusedError, MediaUnavailableError):
            assert when in {"refused", "broken"}
        # A connection that is left open is a ResourceWarning, which is an error in tests.
        assert len(server.visits) == 1 + (when == "redirected")
