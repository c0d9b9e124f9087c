"""Where there is nothing: a page for who has signed in, and the old answer for all others."""

from collections.abc import Iterator

import pytest
import urllib3

from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.console.browsing import shown, signed_in

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.fixture(scope="module")
def browser(local: Api) -> Api:
    return signed_in(local)


def test_browser_that_has_signed_in_gets_a_page(browser: Api) -> None:
    answer = browser.call("GET", "/converstions?x=<b>", headers=HTML)
    assert answer.status == 404
    assert "Not found There is no page at this address." in shown(answer)
    assert b'href="/conversations"' in answer.data
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert browser.container.refusals().latest() == ()


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"accept": "application/json"}),
        ("GET", {**HTML, "host": "elsewhere.example"}),
        ("GET", {**HTML, "cookie": ""}),
        ("GET", {**HTML, "cookie": "frontdesk-80=forged; __Host-frontdesk=forged"}),
        ("HEAD", HTML),
        ("POST", HTML),
        ("PUT", HTML),
    ],
)
def test_every_other_request_gets_what_a_stranger_gets(
    browser: Api, method: str, headers: dict[str, str]
) -> None:
    stranger = Api(browser.frontdesk).call(method, "/converstions")
    assert (stranger.status, b"page" in stranger.data) == (404, False)
    answer = browser.call(method, "/converstions", headers=headers)
    assert told(answer) == told(stranger)


def told(answer: urllib3.BaseHTTPResponse) -> tuple[object, ...]:
    """All of an answer but its moment."""
    headers = [one for one in answer.headers.items() if one[0].lower() != "date"]
    return answer.status, answer.data, headers
