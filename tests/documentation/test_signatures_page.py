"""The page about refused signatures names every cause, and its example is a real one."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from application.ports.signature_doctor import Cause, DiagnosisStatus
from entrypoints.captures.reading import MAX_CAPTURE_BYTES
from entrypoints.cli.main import cli
from infrastructure.channels.sendgrid import signature_explanations as sendgrid
from infrastructure.channels.twilio.signature_doctor import explanations as twilio
from infrastructure.channels.twilio.signature_doctor.search import MAX_VARIATIONS
from tests.documentation.documents import blocks, cells, prose

PAGE = "docs/signatures.md"
SETTINGS = {
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize(
    ("heading", "explained"),
    [("## Twilio", twilio.EXPLANATIONS), ("## SendGrid", sendgrid.EXPLANATIONS)],
)
def test_table_has_every_cause_once(heading: str, explained: Iterable[Cause]) -> None:
    named = [name for row in cells(PAGE, heading) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(explained)


def test_table_has_every_status() -> None:
    rows = cells(PAGE, "# Why is my signature refused?")
    assert [row[0].strip("`") for row in rows] == list(DiagnosisStatus)


def test_example_shows_what_a_reader_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (request,) = blocks(PAGE, "http")
    Path("request.txt").write_text(request)
    (session,) = blocks(PAGE, "console")
    command, _, shown = session.partition("\n")
    result = CliRunner(env=SETTINGS).invoke(cli, command.split()[2:])
    assert result.output == shown


def test_limits_are_those_of_the_code() -> None:
    text = prose(PAGE)
    assert f"at most {MAX_CAPTURE_BYTES // 2**20} MiB" in text
    assert f"{MAX_VARIATIONS:,} signatures at most" in text
