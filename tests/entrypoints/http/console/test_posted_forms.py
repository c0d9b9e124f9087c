"""Forms of the console that are made to cost much: webhooks do not wait for them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from entrypoints.http.console import posted_forms
from entrypoints.http.console.places import SIGNATURE
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.console.browsing import signed_in


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


def test_form_that_takes_long_to_read_delays_no_webhook(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, free, read = threading.Event(), threading.Event(), posted_forms._read

    def read_slowly(*given: object) -> object:
        begun.set()
        assert free.wait(8), "the loop waited for the form"
        return read(*given)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(posted_forms, "_read", read_slowly)
    desk, session = api.frontdesk, signed_in(api)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(session.post_form, SIGNATURE, {"capture": "x"})
        assert begun.wait(8)
        assert desk.post(desk.webhook(SMS, body="Hello")).status == 200
        free.set()
        assert answer.result().status == 403


def test_large_form_without_parts_is_refused_unread(api: Api) -> None:
    session = signed_in(api)
    assert session.post_form(SIGNATURE, {"capture": "\0" * 20_000}).status == 403
    assert session.post_form(SIGNATURE, {"capture": "\0" * 25_000}).status == 413


@pytest.mark.parametrize("charset", ["none", "zlib", "utf-7"])
def test_charset_that_a_part_names_counts_for_nothing(api: Api, charset: str) -> None:
    head = 'Content-Disposition: form-data; name="csrf_token"'
    body = f"--b\r\n{head}\r\nContent-Type: text/plain; charset={charset}\r\n\r\n+AEE-\r\n--b--\r\n"
    session = signed_in(api)
    answer = api.frontdesk.client.request(
        "POST",
        f"{api.frontdesk.origin}{SIGNATURE}",
        body=body.encode(),
        headers={**session.headers, "content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status == 403
