"""Browsers sign in with a code or a token, and nobody signs them in or out from elsewhere."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from application.clock import utc_now
from entrypoints.http.access.sessions import Sessions
from entrypoints.http.access.sign_in_codes import SignInCodes
from entrypoints.http.console.sign_in import FORMS_AT_ONCE
from infrastructure.configuration.api_access import keep_local_token
from tests.entrypoints.http.api.clients import (
    Api,
    cookie_of,
    given_token,
    problem,
    running,
    running_locally,
)
from tests.entrypoints.http.console.browsing import csrf_token_in


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Path]]:
    data_dir = tmp_path_factory.mktemp("data")
    with running_locally(data_dir) as api:
        yield api, data_dir


@pytest.fixture
def browser(local: tuple[Api, Path]) -> Api:
    """A browser that has not signed in."""
    return Api(local[0].frontdesk)


@pytest.fixture
def code(local: tuple[Api, Path]) -> str:
    return SignInCodes(local[1]).make(utc_now())


def with_cookie(browser: Api, response: urllib3.BaseHTTPResponse) -> Api:
    """The browser with the cookie that it was given."""
    assert response.status == 303
    assert response.headers["location"] == "/"
    assert response.headers["referrer-policy"] == "no-referrer"
    return Api(browser.frontdesk, {"cookie": cookie_of(response)})


def csrf_token(session: Api) -> str:
    return str(session.get("/v1/session")["csrf_token"])


def test_code_signs_in_once(browser: Api, code: str) -> None:
    session = with_cookie(browser, browser.post_form(f"/sign-in/{code}", {}))
    assert session.get("/v1/session")["token_name"] == "local"
    assert browser.post_form(f"/sign-in/{code}", {}).status == 403


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [("/simulator", "/simulator"), ("//evil.example", "/"), ("/assets", "/"), ("", "/")],
)
def test_code_leads_to_a_page_of_ours(browser: Api, code: str, wanted: str, led_to: str) -> None:
    response = browser.post_form(f"/sign-in/{code}?next={wanted}", {})
    assert response.headers["location"] == led_to


def test_code_signs_in_once_among_all_workers(browser: Api, code: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: browser.post_form(f"/sign-in/{code}", {}).status, range(16))
    assert sorted(answers) == [303] + [403] * 15


def test_look_at_the_page_does_not_use_the_code_up(browser: Api, code: str) -> None:
    for _ in range(2):
        page = browser.call("GET", f"/sign-in/{code}")
        assert page.status == 200
        assert b'<button class="primary"' in page.data
    assert browser.post_form(f"/sign-in/{code}", {}).status == 303


def test_page_of_a_code_tells_no_other_site_its_address(browser: Api, code: str) -> None:
    headers = browser.call("GET", f"/sign-in/{code}").headers
    # Not 'no-referrer': browsers would send 'Origin: null' with the form, which is refused.
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("wrong", ["x", "A" * 43, "..%2f..%2fapi-token", "%00", "a" * 3000])
def test_code_that_was_never_given_signs_nobody_in(browser: Api, wrong: str) -> None:
    response = browser.post_form(f"/sign-in/{wrong}", {})
    assert response.status in {403, 404}
    assert "set-cookie" not in response.headers


def test_token_is_pasted_into_a_form(local: tuple[Api, Path], browser: Api) -> None:
    token = keep_local_token(local[1])
    assert b'name="token"' in browser.call("GET", "/sign-in").data
    response = browser.post_form("/sign-in", {"token": f" {token}\n"})
    session = with_cookie(browser, response)
    assert token not in response.headers["set-cookie"]
    page = session.call("GET", "/")
    assert b"The access token that this browser signed in with" in page.data
    assert token.encode() not in page.data


@pytest.mark.parametrize("fields", [{"token": "wrong"}, {"token": ""}, {}])
def test_wrong_token_signs_nobody_in(browser: Api, fields: dict[str, str]) -> None:
    response = browser.post_form("/sign-in", fields)
    assert response.status == 403
    assert "set-cookie" not in response.headers


ELSEWHERE = [{"origin": "https://evil.example"}, {"origin": "null"}]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_page_elsewhere_signs_nobody_in(
    local: tuple[Api, Path], browser: Api, code: str, headers: dict[str, str]
) -> None:
    token = keep_local_token(local[1])
    assert browser.post_form("/sign-in", {"token": token}, **headers).status == 403
    assert browser.post_form(f"/sign-in/{code}", {}, **headers).status == 403
    assert browser.post_form(f"/sign-in/{code}", {}).status == 303


@pytest.fixture
def session(browser: Api, code: str) -> Api:
    return with_cookie(browser, browser.post_form(f"/sign-in/{code}", {}))


def test_cookie_is_for_this_site_alone_and_for_no_script(browser: Api, code: str) -> None:
    line = browser.post_form(f"/sign-in/{code}", {}).headers["set-cookie"]
    name, *attributes = line.split("; ")
    port = browser.frontdesk.origin.rpartition(":")[2]
    assert name.startswith(f"frontdesk-{port}=")
    assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]


def test_cookie_over_https_cannot_be_set_by_another_host(tmp_path: Path) -> None:
    public = "https://hooks.acme.example"
    with running_locally(tmp_path, PUBLIC_BASE_URL=public) as api:
        browser = Api(api.frontdesk, {"host": "hooks.acme.example"})
        code = SignInCodes(tmp_path).make(utc_now())
        response = browser.post_form(f"/sign-in/{code}", {}, origin=public)
        name, *attributes = response.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-frontdesk=")
        assert "Secure" in attributes
        value = name.partition("=")[2]
        for cookie, status in (
            (name, 200),
            (f"frontdesk-443={value}", 401),
            (f"frontdesk-80={value}", 401),
        ):
            headers = {"cookie": cookie}
            assert browser.call("GET", "/v1/session", headers=headers).status == status


def test_session_changes_things_with_its_csrf_token_alone(session: Api) -> None:
    right = csrf_token(session)
    for wrong in ({}, {"x-csrf-token": ""}, {"x-csrf-token": "0" * 64}):
        assert problem(session.call("POST", "/v1/none", {}, wrong)) == 403
    assert problem(session.call("POST", "/v1/none", {}, {"x-csrf-token": right})) == 404


def test_csrf_token_of_another_session_is_wrong(
    session: Api, browser: Api, local: tuple[Api, Path]
) -> None:
    code = SignInCodes(local[1]).make(utc_now())
    other = with_cookie(browser, browser.post_form(f"/sign-in/{code}", {}))
    answer = session.call("POST", "/v1/none", {}, {"x-csrf-token": csrf_token(other)})
    assert problem(answer) == 403


def test_sign_in_begins_a_new_session_whatever_the_browser_came_with(
    session: Api, local: tuple[Api, Path]
) -> None:
    fixed = session.headers["cookie"]
    code = SignInCodes(local[1]).make(utc_now())
    response = session.post_form(f"/sign-in/{code}", {})
    assert cookie_of(response) != fixed
    assert csrf_token(with_cookie(session, response)) != csrf_token(session)


def test_forged_and_cut_cookies_are_no_session(session: Api) -> None:
    name, _, value = session.headers["cookie"].partition("=")
    forged = Sessions(b"x" * 32)
    assert forged.key != b""
    for wrong in (value[:-1], value[1:], f"{value}x", "", ".", "é", value.swapcase()):
        headers = {"cookie": f"{name}={wrong}".encode().decode("latin-1")}
        assert problem(session.call("GET", "/v1/session", headers=headers)) == 401


def test_wrong_bearer_token_does_not_fall_back_to_the_session(session: Api) -> None:
    headers = {"authorization": "Bearer wrong"}
    assert problem(session.call("GET", "/v1/session", headers=headers)) == 401


def test_sign_out_needs_the_csrf_token_and_takes_the_cookie_away(session: Api) -> None:
    assert session.post_form("/sign-out", {}).status == 403
    page = session.call("GET", "/").data.decode()
    response = session.post_form("/sign-out", {"csrf_token": csrf_token_in(page)})
    assert response.status == 303
    assert "Max-Age=0" in response.headers["set-cookie"]


def test_first_page_leads_to_the_sign_in_page(browser: Api) -> None:
    response = browser.call("GET", "/")
    assert (response.status, response.headers["location"]) == (303, "/sign-in")


def test_large_form_is_refused(browser: Api) -> None:
    assert browser.post_form("/sign-in", {"token": "x" * 5000}).status == 413
    assert browser.post_form("/sign-in", {str(n): "x" for n in range(99)}).status == 413


def test_forms_that_arrive_slowly_keep_nobody_from_signing_in(
    local: tuple[Api, Path], browser: Api
) -> None:
    url = urlsplit(browser.frontdesk.origin)
    head = (
        "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n"
    )
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((url.hostname, url.port), timeout=5))
            for _ in range(FORMS_AT_ONCE)
        ]
        for one in slow:
            one.sendall(head.encode())
            assert one.recv(100).startswith(b"HTTP/1.1 100")  # now its body is awaited
        response = browser.post_form("/sign-in", {"token": keep_local_token(local[1])})
        assert response.status == 303
        assert slow[0].recv(100).startswith(b"HTTP/1.1 408")


def test_codes_are_for_the_local_token_alone(tmp_path: Path) -> None:
    token = given_token("local")
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": token.line}) as api:
        code = SignInCodes(tmp_path).make(utc_now())
        assert api.post_form(f"/sign-in/{code}", {}).status == 403
