"""Readers get the files of messages over the API, from the store and from Twilio."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from dependency_injector import providers
from urllib3.exceptions import HTTPError

from application.conversations import open_attachment
from application.conversations.open_attachment import MAX_FETCHES
from domain.channels import ChannelType
from domain.erasure import RetainedMessage
from domain.messages import MessageRecord
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.media import TwilioMediaSource
from infrastructure.channels.twilio.simulator import Media, TwilioSimulator
from tests.application.conversations.test_image_types import JPEG, PNG
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api, problem, running_locally
from tests.infrastructure.channels.https_server import (
    Authority,
    Handle,
    Visit,
    Write,
    a_fetcher,
    https_server,
    make_authority,
    redirecting,
    responding,
    response,
)

ACCOUNT, TOKEN = "AC" + "3" * 32, "4" * 32
PLACE = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM2/Media/ME3"
CDN = "https://media.example.com/file"
CUSTOMER, COMPANY = "+14155550123", "+15005550006"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data") as api:
        yield api


def received(api: Api, webhook: SimulatedRequest) -> str:
    """The path of the only message, which is unmatched."""
    assert api.frontdesk.post(webhook).status == 200
    (message,) = api.get("/v1/unmatched")["items"]
    return f"/v1/messages/{message['request_id']}/attachments"


def received_mail(api: Api, *attachments: tuple[str, str, bytes]) -> str:
    wanted: dict[str, Any] = {"sender": "ana@example.com", "recipient": "help@acme.example"}
    return received(api, api.frontdesk.webhook(EMAIL, attachments=list(attachments), **wanted))


SAVED = "application/octet-stream"


@pytest.mark.parametrize(
    ("file", "sent_as", "disposition"),
    [
        (("a.html", "text/html", b"<script>"), SAVED, 'attachment; filename="a.html"'),
        (("a.svg", "image/svg+xml", b"<svg/>"), SAVED, 'attachment; filename="a.svg"'),
        (("a.png", "image/png", b"<script>"), SAVED, 'attachment; filename="a.png"'),
        (("a.png", "text/html", PNG), "image/png", 'inline; filename="a.png"'),
        (("a.html", "text/html", JPEG), "image/jpeg", 'inline; filename="a.html.jpg"'),
        (("../a:b.exe", "image/png", b"MZ"), SAVED, 'attachment; filename="a_b.exe"'),
        (("a\u202egnp.exe", "image/png", b"MZ"), SAVED, 'attachment; filename="agnp.exe"'),
    ],
)
def test_stored_file_is_sent_as_what_it_is(
    api: Api, file: tuple[str, str, bytes], sent_as: str, disposition: str
) -> None:
    answer = api.call("GET", f"{received_mail(api, file)}/0")
    assert (answer.status, answer.data) == (200, file[2])
    assert answer.headers["content-type"] == sent_as
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["content-length"] == str(len(file[2]))
    assert answer.headers["content-security-policy"] == "sandbox; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"


def test_large_stored_file_is_sent_whole(api: Api) -> None:
    content = bytes(range(256)) * 4096
    assert api.call("GET", f"{received_mail(api, ('a', 'a/b', content))}/0").data == content


def test_file_that_was_erased_is_not_found(api: Api) -> None:
    files = received_mail(api, ("a.txt", "text/plain", b"secret"))
    messages = api.container.message_store()
    record = messages.find_record(files.split("/")[3])
    assert isinstance(record, MessageRecord)
    assert api.container.operations().erase_message()(RetainedMessage.of(record)).message
    assert problem(api.call("GET", f"{files}/0")) == 404


def test_file_that_is_gone_is_not_found(api: Api) -> None:
    files = received_mail(api, ("a.txt", "text/plain", b"secret"))
    for path in (api.frontdesk.data_dir / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    assert problem(api.call("GET", f"{files}/0")) == 404


def test_place_that_is_none_is_refused(api: Api) -> None:
    files = received_mail(api, ("a.txt", "text/plain", b"x"))
    for place, status in (("1", 404), ("-1", 422), ("10001", 422), ("x", 422)):
        assert problem(api.call("GET", f"{files}/{place}")) == status


@pytest.mark.parametrize("request_id", ["a", "%2E%2E", "%00", "a%2Fb", "x" * 499, "%F0%9F%98%80"])
def test_message_that_is_none_is_not_found(api: Api, request_id: str) -> None:
    assert problem(api.call("GET", f"/v1/messages/{request_id}/attachments/0")) == 404


def test_file_is_not_sent_without_a_token(api: Api) -> None:
    files = received_mail(api, ("a.txt", "text/plain", b"secret"))
    for headers in ({}, {"authorization": "Bearer no"}, {"cookie": "frontdesk=no"}):
        answer = Api(api.frontdesk).call("GET", f"{files}/0", headers=headers)
        assert problem(answer) == 401
        assert b"secret" not in answer.data


def test_file_of_a_simulated_message_is_refused_with_the_reason(api: Api) -> None:
    webhook = api.frontdesk.webhook(
        SMS, sender=CUSTOMER, recipient=COMPANY, media=[Media("https://example.com/a.jpg", "a/b")]
    )
    answer = api.call("GET", f"{received(api, webhook)}/0")
    assert problem(answer) == 502
    assert "without the provider's credentials" in answer.json()["detail"]


@dataclass
class Reader:
    """A client of a front desk that fetches files from a server in Twilio's place."""

    api: Api
    visits: list[Visit]
    files: str

    def read(self, place: int = 0) -> Any:
        return self.api.call("GET", f"{self.files}/{place}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(
        tmp_path_factory.mktemp("authority"), "api.twilio.com", "media.example.com"
    )


Reading = Callable[..., Any]


@pytest.fixture
def reading(authority: Authority, tmp_path: Path) -> Reading:
    @contextmanager
    def start(
        handle: Handle, channel: ChannelType = SMS, url: str = PLACE, **fetcher: Any
    ) -> Iterator[Reader]:
        secrets = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
        secrets["FALLBACK_MAX_PER_HOUR"] = "0"  # or the real Twilio would be asked to send one
        with (
            https_server(authority, handle) as server,
            running_locally(tmp_path / "data", **secrets) as api,
        ):
            accounts = api.container.cached_accounts().current
            source = TwilioMediaSource(
                lambda: accounts().twilio, a_fetcher(authority, server, **fetcher)
            )
            opening = api.container.operations().open_attachment
            sources = dict.fromkeys(ChannelType, lambda: source)
            opening.override(providers.Object(replace(opening(), media_sources=sources)))
            webhook = TwilioSimulator(ACCOUNT, TOKEN).request(
                api.frontdesk.url(channel),
                channel,
                sender=CUSTOMER,
                recipient=COMPANY,
                body="",
                media=[Media(url, "text/html")],
            )
            yield Reader(api, server.visits, received(api, webhook))

    return start


@pytest.mark.parametrize("channel", [SMS, WHATSAPP])
def test_file_at_twilio_is_passed_on_and_typed_by_its_first_bytes(
    reading: Reading, channel: ChannelType
) -> None:
    with reading(redirecting(CDN, content=PNG), channel) as reader:
        answer = reader.read()
        assert (answer.status, answer.data) == (200, PNG)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["content-disposition"] == 'inline; filename="attachment-1.png"'
        assert ["authorization" in visit.headers for visit in reader.visits] == [True, False]
        blobs = reader.api.frontdesk.data_dir / "blobs"
        assert not [path for path in blobs.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("handle", "status"),
    [
        (responding(response(status=404)), 404),
        (responding(response(status=401)), 502),
        (responding(response(status=500)), 503),
        (redirecting("http://media.example.com/file"), 502),
        (redirecting("https://127.0.0.1:6379/"), 502),
        (responding(response(b"x", length=2 * 1024 * 1024)), 502),
        (responding(response(b"x", "Content-Encoding: gzip")), 502),
        (responding(b"garbage"), 503),
    ],
)
def test_fault_of_the_provider_is_a_problem_that_says_so(
    reading: Reading, handle: Handle, status: int
) -> None:
    with reading(handle, max_bytes=1024 * 1024) as reader:
        answer = reader.read()
        assert problem(answer) == status
        assert ("retry-after" in answer.headers) is (status == 503)
        for secret in (TOKEN, ACCOUNT, "Media/"):
            assert secret not in answer.data.decode()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/file",
        PLACE.replace(ACCOUNT, "AC" + "9" * 32),
        PLACE.replace("/Messages", "/../Messages"),
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}.json",
    ],
)
def test_url_that_is_no_file_of_the_account_is_refused(reading: Reading, url: str) -> None:
    with reading(responding(response(b"secret")), url=url) as reader:
        assert problem(reader.read()) == 502
        assert reader.visits == []


def test_file_that_grows_too_large_breaks_off(reading: Reading) -> None:
    def endless(_: Visit, write: Write, is_over: Event) -> None:
        write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not is_over.is_set():
            write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with reading(endless, max_bytes=1024 * 1024) as reader, pytest.raises(HTTPError):
        reader.read()


def test_slow_provider_keeps_no_other_request_waiting(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_attachment, "WAIT_SECONDS", 0.2)
    arrived, goes_on = [Event() for _ in range(MAX_FETCHES)], Event()

    def slow(_: Visit, write: Write, is_over: Event) -> None:
        next((one for one in arrived if not one.is_set()), goes_on).set()
        goes_on.wait(30)
        write(response(b"late"))

    with reading(slow) as reader, ThreadPoolExecutor(MAX_FETCHES) as readers:
        answers = [readers.submit(reader.read) for _ in range(MAX_FETCHES)]
        try:
            assert all(one.wait(10) for one in arrived)
            assert reader.api.get("/v1/queues")["items"]
            fifth = reader.read()
            assert problem(fifth) == 503
            assert "too many files" in fifth.json()["detail"]
        finally:
            goes_on.set()
        assert [one.result().data for one in answers] == [b"late"] * MAX_FETCHES
        assert reader.read().data == b"late"
