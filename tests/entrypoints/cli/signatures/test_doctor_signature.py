"""The doctor of signatures names cause and remedy of captures that are broken on purpose."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from application.ports.signature_doctor import Cause
from entrypoints.cli.main import cli
from infrastructure.channels.sendgrid.signature_explanations import (
    EXPLANATIONS as SENDGRID_EXPLANATIONS,
)
from infrastructure.channels.twilio.signature_doctor.explanations import (
    EXPLANATIONS as TWILIO_EXPLANATIONS,
)
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from tests.entrypoints.cli.signatures.body_cases import BODIES
from tests.entrypoints.cli.signatures.captures import (
    ACCOUNT,
    OTHER_TOKEN,
    PUBLIC,
    TOKEN,
    TWILIO,
    URL,
    Sent,
    curl,
    har,
    raw,
    sms,
)
from tests.entrypoints.cli.signatures.case import Case
from tests.entrypoints.cli.signatures.mail_cases import MAILS
from tests.entrypoints.cli.signatures.reported_cases import REPORTED
from tests.entrypoints.cli.signatures.secret_cases import SECRETS
from tests.entrypoints.cli.signatures.url_cases import URLS
from tests.entrypoints.cli.support import error_line, run_frontdesk


def diagnosed(
    capture: bytes,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *options: str,
) -> list[dict[str, Any]]:
    """The diagnoses of ``capture``, as JSON; the command has printed no secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "capture"
    path.write_bytes(capture)
    result = run_frontdesk("doctor", "signature", str(path), "--json", *options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    secrets = [
        value for name, value in environment.items() if "SID" not in name and "URL" not in name
    ]
    assert not any(secret in result.output for secret in secrets)
    assert not re.search(r"[A-Za-z0-9+/]{27}=", result.output), "a signature is shown"
    return [json.loads(line) for line in result.stdout.splitlines()]


CASES = [*URLS, *BODIES, *SECRETS, *MAILS, *REPORTED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.how)
def test_cause_and_remedy_of_a_broken_capture_are_named(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (diagnosis,) = diagnosed(case.capture, case.environment, monkeypatch, tmp_path, *case.options)
    assert diagnosis["status"] == "explained", diagnosis
    assert tuple(diagnosis["causes"]) == case.causes, diagnosis
    assert diagnosis["setting"] == (dict([case.setting]) if case.setting else None)
    assert case.advice in " ".join([diagnosis["explanation"], *diagnosis["remedies"]])
    assert diagnosis["remedies"]


def asked(capture: bytes, *options: str) -> Result:
    """Run the command with ``capture`` as its standard input."""
    return CliRunner().invoke(cli, ["doctor", "signature", "-", *options], input=capture)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PUBLIC.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("configured")
def test_request_that_is_in_order_is_accepted() -> None:
    result = asked(curl(sms()))
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"curl: POST {URL}\naccepted  The signature is right, and account {ACCOUNT} has made it.\n"
    )


def test_accepted_request_comes_with_advice_while_no_public_url_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in TWILIO.items():
        monkeypatch.setenv(name, value)
    assert "set PUBLIC_BASE_URL=https://hooks.acme.example" in asked(curl(sms())).stdout


@pytest.mark.usefixtures("configured")
def test_person_reads_cause_remedy_and_what_was_tried() -> None:
    result = asked(raw(sms().at("http://hooks.acme.example/webhooks/sms/")))
    status, advice, tried = result.stdout.splitlines()[1:]
    assert status.startswith("explained  Twilio signed /webhooks/sms, and Frontdesk checks")
    assert advice == f"to do      Set SMS_WEBHOOK_URL={URL}; or at Twilio, enter {URL}/"
    assert re.match(r"tried      \d+ signatures? computed, varying scheme, host, port", tried)
    assert error_line(result, 1) == "frontdesk: 1 request would be refused"


def test_what_cannot_be_explained_is_said_with_the_likeliest_next_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = {**PUBLIC, "TWILIO_AUTH_TOKEN": "AnApiKeysSecretOf32Characters123"}
    (diagnosis,) = diagnosed(curl(sms()), environment, monkeypatch, tmp_path)
    assert diagnosis["status"] == "unexplained"
    assert diagnosis["causes"] == []
    assert diagnosis["setting"] is None
    assert 1000 < diagnosis["tried"] <= 30_000
    assert "the secret of an API key signs no webhooks" in diagnosis["remedies"][0]


@pytest.mark.usefixtures("configured")
def test_body_whose_characters_are_lost_is_said_to_be_so() -> None:
    sent = sms(body="Zoë")
    lost = sent.carrying(sent.body.replace(b"Zo%C3%AB", b"Zo%EF%BF%BD"))
    result = asked(raw(lost))
    assert "replacement characters" in result.stdout
    assert "unexplained" in result.stdout


@pytest.mark.usefixtures("configured")
def test_webhooks_are_picked_out_of_all_requests_of_a_browser() -> None:
    page = Sent("https://acme.example/", {}, b"", "GET")
    result = asked(har(page, sms(), page, sms(token=OTHER_TOKEN)), "--json")
    statuses = [json.loads(line)["status"] for line in result.stdout.splitlines()]
    assert statuses == ["accepted", "unexplained"]
    assert error_line(asked(har(page)), 1).startswith("frontdesk: no captured request looks like")


def test_token_may_be_typed_or_named_but_never_be_an_argument(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert asked(curl(sms()), "--secret", f"file:{path}").exit_code == 0
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    assert asked(curl(sms()), "--secret", "env:MY_TOKEN").exit_code == 0
    capture = tmp_path / "capture"
    capture.write_bytes(curl(sms()))
    typed = CliRunner().invoke(
        cli, ["doctor", "signature", str(capture), "--secret", "ask"], input=f"{TOKEN}\n"
    )
    assert typed.exit_code == 0
    assert TOKEN not in typed.output
    refused = asked(curl(sms()), "--secret", TOKEN)
    assert TOKEN not in refused.output
    assert "give where it is" in error_line(refused, 2)


@pytest.mark.usefixtures("configured")
def test_body_that_a_curl_command_names_may_be_given(tmp_path: Path) -> None:
    sent = sms()
    path = tmp_path / "body.bin"
    path.write_bytes(sent.body)
    command = curl(sent.carrying(b"@body.bin"), "--data-binary")
    assert asked(command, "--body", str(path)).exit_code == 0
    assert "give that file with --body" in error_line(asked(command), 1)


@pytest.mark.parametrize("source", ["env:NOT_SET", "file:/no/such/file"])
def test_secret_that_is_not_there_is_a_usage_error(source: str) -> None:
    assert source in error_line(asked(curl(sms()), "--secret", source), 2)


def test_capture_that_cannot_be_read_is_one_line() -> None:
    assert error_line(asked(b"\x1f\x8b\x00binary"), 1).startswith("frontdesk: this is no capture")
    assert "no/such" in error_line(run_frontdesk("doctor", "signature", "no/such"), 2)


def test_command_writes_nothing(data_dir: Path) -> None:
    assert asked(curl(sms())).exit_code == 1
    assert not data_dir.exists()


def test_development_secret_is_used_where_it_is(development: DevelopmentCredentials) -> None:
    sent = sms(account=development.twilio_account_sid, token=development.twilio_auth_token)
    assert asked(curl(sent)).exit_code == 0


def test_checks_still_run_without_a_subcommand() -> None:
    assert "settings" in run_frontdesk("doctor").stdout
    assert error_line(run_frontdesk("doctor", "unknown"), 2).startswith("frontdesk doctor: no such")


def test_every_cause_is_explained_by_a_provider() -> None:
    assert {*Cause} == {*TWILIO_EXPLANATIONS} | {*SENDGRID_EXPLANATIONS}
