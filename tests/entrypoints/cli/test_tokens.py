"""``frontdesk tokens`` and ``frontdesk console``: how programs and browsers get in."""

import json
from pathlib import Path

import pytest

from application.clock import utc_now
from entrypoints.http.access.sign_in_codes import SignInCodes
from infrastructure.configuration.secrets.access_tokens import Scope, parse_access_tokens
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk

CREATE = ("tokens", "create", "crm", "--scope", "read")


def test_line_that_is_printed_stands_for_the_token() -> None:
    made = run_frontdesk(*CREATE, "--company", "acme", "--company", "brill")
    assert made.exit_code == 0
    _, text, _, line = made.stdout.splitlines()
    token = parse_access_tokens(line).identify(text)
    assert token is not None
    assert token.scopes == {Scope.READ}
    assert token.companies == frozenset({"acme", "brill"})
    assert text not in line


def test_two_tokens_differ_and_are_stored_nowhere(tmp_path: Path) -> None:
    first, second = (json_lines(run_frontdesk(*CREATE, "--json"))[0] for _ in range(2))
    assert first["token"] != second["token"]
    assert len(first["token"]) >= 43
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tokens", "create", "crm"), "missing option '--scope'"),
        (("tokens", "create", "crm", "--scope", "admin"), "invalid value for '--scope'"),
        (("tokens", "create", "a b", "--scope", "read"), "NAME has letters"),
        (("tokens", "create", "x" * 65, "--scope", "read"), "NAME has letters"),
        ((*CREATE, "--company", ""), "--company needs"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said.lower() in error_line(run_frontdesk(*arguments), 2).lower()


@pytest.mark.usefixtures("empty_database")
def test_console_prints_an_address_with_a_code(data_dir: Path) -> None:
    run_frontdesk("demo")
    (line,) = json_lines(run_frontdesk("console", "--url", "http://127.0.0.1:8080/", "--json"))
    start, _, code = line["url"].rpartition("/")
    assert start == "http://127.0.0.1:8080/sign-in"
    assert SignInCodes(data_dir).use(code, utc_now())
    assert not line["needs_token"]


@pytest.mark.usefixtures("empty_database")
def test_console_leads_to_the_form_where_tokens_are_configured(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = json_lines(run_frontdesk(*CREATE, "--json"))
    run_frontdesk("demo")
    monkeypatch.setenv("API_TOKENS", made["line"])
    shown = run_frontdesk("console")
    assert shown.stdout.splitlines()[-1] == "http://127.0.0.1:8000/sign-in"
    assert not data_dir.joinpath("sign-in-codes").exists()


@pytest.mark.parametrize("content", ["right", "", None])
def test_doctor_reads_the_tokens_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    (made,) = json_lines(run_frontdesk(*CREATE, "--json"))
    file = tmp_path / "tokens"
    if content is not None:
        file.write_text(made["line"] if content else "")
    monkeypatch.setenv("API_TOKENS", f"file:{file}")
    lines = run_frontdesk("doctor", "--json").stdout.splitlines()
    checks = {one["check"]: one for one in map(json.loads, lines)}
    assert checks["access tokens"]["status"] == ("ok" if content else "error")
    assert made["token"] not in "".join(lines)
