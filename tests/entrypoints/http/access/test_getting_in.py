"""Nobody gets in without a token, from another page, under another name, or with an old one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.configuration.secrets.access_tokens import Scope
from tests.entrypoints.http.api.clients import (
    Api,
    given_token,
    problem,
    running,
    running_locally,
)

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.mark.parametrize("path", ["/v1", "/v1/session", "/v1/openapi.json", "/v1/none"])
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer " + "é" * 9]
)
def test_nothing_is_told_without_a_token(api: Api, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    client = Api(api.frontdesk)
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        response = client.call(method, path, headers=headers)
        assert problem(response) == 401
        assert response.json()["detail"] == "a valid access token is needed"
    assert client.call("HEAD", path, headers=headers).status == 401


def test_the_local_token_may_everything(api: Api) -> None:
    session = api.get("/v1/session")
    assert session["token_name"] == "local"
    assert session["scopes"] == ["read", "write"]
    assert session["companies"] is None


def test_path_that_does_not_exist_is_a_problem(api: Api) -> None:
    assert problem(api.call("GET", "/v1/none")) == 404
    assert problem(api.call("PATCH", "/v1/session")) == 405


def test_answers_are_kept_in_no_cache_and_guessed_at_by_no_browser(api: Api) -> None:
    for path in ("/v1/session", "/v1/none"):
        headers = api.call("GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "[",
        "10.0.0.9",
        "",
        "a@localhost",
    ],
)
@pytest.mark.parametrize("path", ["/v1/session", "/", "/sign-in", "/sign-in/x"])
def test_name_that_leads_here_by_dns_rebinding_is_misdirected(
    api: Api, path: str, host: str
) -> None:
    response = api.call("GET", path, headers={"host": host})
    assert response.status == 421
    assert b"token" not in response.data


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1", "[::1]:80", "LOCALHOST."])
def test_local_names_are_our_own(api: Api, host: str) -> None:
    assert api.call("GET", "/v1/session", headers={"host": host}).status == 200


FROM_ELSEWHERE = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "http://localhost:1"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_page_elsewhere_changes_nothing_even_with_a_token(
    api: Api, headers: dict[str, str]
) -> None:
    assert problem(api.call("POST", "/v1/none", {}, headers)) == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_page_may_ask_for_a_change(api: Api, site: str) -> None:
    own = {"sec-fetch-site": site, "origin": api.frontdesk.origin}
    assert problem(api.call("POST", "/v1/none", {}, own)) == 404


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_change_needs_the_type_that_no_form_can_send(
    api: Api, method: str, content_type: str
) -> None:
    response = api.call(method, "/v1/none", {}, {"content-type": content_type})
    assert problem(response) == 415


def test_body_over_the_limit_is_not_read(api: Api) -> None:
    assert problem(api.call("POST", "/v1/none", "x" * 70_000)) == 413


def test_scopes_do_not_include_each_other(tmp_path: Path) -> None:
    reader, writer = given_token("reader", [Scope.READ]), given_token("writer", [Scope.WRITE])
    environ = {"DATA_DIR": str(tmp_path), "API_TOKENS": f"{reader.line}\n{writer.line}"}
    with running(environ) as api:
        assert api.with_token(reader.text).call("GET", "/v1/session").status == 200
        assert problem(api.with_token(reader.text).call("POST", "/v1/none", {})) == 403
        assert problem(api.with_token(writer.text).call("GET", "/v1/session")) == 403
        assert problem(api.with_token(writer.text).call("POST", "/v1/none", {})) == 404
        assert not (tmp_path / "api-token").exists()


def test_proxy_that_ends_tls_is_let_in_under_the_public_name(tmp_path: Path) -> None:
    public = "https://hooks.acme.example"
    with running_locally(tmp_path, PUBLIC_BASE_URL=f"{public}/frontdesk") as api:
        for host in ("hooks.acme.example", "127.0.0.1"):  # a proxy passes it on, or does not
            browser = {"host": host, "origin": public}
            assert problem(api.call("POST", "/v1/none", {}, browser)) == 404
            elsewhere = {"host": host, "origin": EVIL}
            assert problem(api.call("POST", "/v1/none", {}, elsewhere)) == 403
        assert problem(api.call("GET", "/v1/session", headers={"host": "acme.example"})) == 421


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [("evil.example", 421), ("hooks.acme.example", 200), ("evil.example, hooks.acme.example", 421)],
)
def test_host_that_a_trusted_proxy_names_has_to_be_ours(
    tmp_path: Path, forwarded: str, status: int
) -> None:
    environ = {
        "PUBLIC_BASE_URL": "https://hooks.acme.example",
        "TRUSTED_PROXIES": "127.0.0.0/8",
    }
    with running_locally(tmp_path, **environ) as api:
        headers = {"x-forwarded-host": forwarded, "x-forwarded-proto": "https"}
        assert api.call("GET", "/v1/session", headers=headers).status == status


def test_proxy_gives_nobody_the_rights_of_this_machine(api: Api) -> None:
    headers = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}
    assert problem(Api(api.frontdesk).call("GET", "/v1/session", headers=headers)) == 401


def test_health_needs_no_token(api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        assert Api(api.frontdesk).call("GET", path).status == 200
