"""When sessions of browsers end: after half a day, and with their tokens."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from application.clock import utc_now
from entrypoints.composition.container import build_container
from entrypoints.http.access.sign_in_codes import SignInCodes
from infrastructure.configuration.api_access import TOKEN_FILE, keep_local_token
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api, cookie_of, given_token, problem
from tests.entrypoints.http.console.browsing import signed_in


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def test_session_ends_after_twelve_hours_or_with_its_token(tmp_path: Path) -> None:
    clock = Clock()
    container = build_container({"DATA_DIR": str(tmp_path)})
    container.clock.override(providers.Object(clock))
    with hosting() as host, serving(host, container) as frontdesk:
        browser = Api(frontdesk)
        code = SignInCodes(tmp_path).make(clock())
        session = Api(frontdesk, {"cookie": cookie_of(browser.post_form(f"/sign-in/{code}", {}))})
        clock.ahead += timedelta(hours=11, minutes=59)
        assert session.call("GET", "/v1/session").status == 200
        clock.ahead += timedelta(minutes=1, seconds=1)
        assert problem(session.call("GET", "/v1/session")) == 401

        code = SignInCodes(tmp_path).make(clock())
        session = Api(frontdesk, {"cookie": cookie_of(browser.post_form(f"/sign-in/{code}", {}))})
        program = browser.with_token(keep_local_token(tmp_path))
        assert program.call("GET", "/v1/session").status == 200
        (tmp_path / TOKEN_FILE).unlink()
        clock.ahead += timedelta(minutes=1)  # so long a removed token may be remembered
        assert problem(program.call("GET", "/v1/session")) == 401
        assert problem(session.call("GET", "/v1/session")) == 401
        assert keep_local_token(tmp_path)  # a new one, which was not the session's


def test_token_that_an_operator_replaces_under_its_name_ends_its_sessions(tmp_path: Path) -> None:
    clock = Clock()
    old, new = given_token("crm"), given_token("crm")
    file = tmp_path / "tokens"
    file.write_text(old.line)
    container = build_container({"DATA_DIR": str(tmp_path), "API_TOKENS": f"file:{file}"})
    container.clock.override(providers.Object(clock))
    with hosting() as host, serving(host, container) as frontdesk:
        browser = Api(frontdesk)
        session = signed_in(browser.with_token(old.text))
        assert session.get("/v1/session")["token_name"] == "crm"
        file.write_text(new.line)
        clock.ahead += timedelta(minutes=1)
        assert problem(session.call("GET", "/v1/session")) == 401
        assert problem(browser.with_token(old.text).call("GET", "/v1/session")) == 401
        assert browser.with_token(new.text).call("GET", "/v1/session").status == 200


@pytest.mark.parametrize("rest", ["", "\n", "{", None])
def test_last_token_that_an_operator_removes_ends_too(tmp_path: Path, rest: str | None) -> None:
    clock, token, file = Clock(), given_token("crm"), tmp_path / "tokens"
    file.write_text(token.line)
    container = build_container({"DATA_DIR": str(tmp_path), "API_TOKENS": f"file:{file}"})
    container.clock.override(providers.Object(clock))
    with hosting() as host, serving(host, container) as frontdesk:
        browser = Api(frontdesk)
        program = browser.with_token(token.text)
        session = signed_in(program)
        assert program.call("GET", "/v1/session").status == 200
        if rest is None:
            file.unlink()
        else:
            file.write_text(rest)
        clock.ahead += timedelta(minutes=1)
        for _ in range(2):
            assert problem(program.call("GET", "/v1/session")) == 503
            assert problem(session.call("GET", "/v1/session")) == 503
        file.write_text(token.line)
        clock.ahead += timedelta(seconds=5)
        assert program.call("GET", "/v1/session").status == 200
