"""``frontdesk doctor`` on embedded storage."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from application.clock import utc_now
from domain.messages import LONGEST_LEASE
from domain.times import readable
from entrypoints.composition.container import Container
from entrypoints.operations.checks import SEVERAL_ATTEMPTS
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from infrastructure.sqlite.sqlite_schema import MIGRATIONS
from tests.builders import NOW, a_record, an_inbound_message
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.spool import an_entry
from tests.entrypoints.cli.support import json_lines, run_frontdesk


def test_doctor_asks_whether_a_directory_without_data_is_right_and_creates_nothing(
    data_dir: Path,
) -> None:
    lines = json_lines(run_frontdesk("doctor", "--json"))
    assert [(line["check"], line["status"]) for line in lines] == [
        ("settings", "ok"),
        ("secrets", "warning"),
        ("public URL", "skipped"),
        ("refusals", "ok"),
        ("clock", "ok"),
        ("data directory", "ok"),
        ("database", "warning"),
    ]
    assert f"there is no data in {data_dir}: is DATA_DIR right?" in str(lines[-1]["text"])
    assert not data_dir.exists()


def test_doctor_prints_a_line_for_each_check(data_dir: Path) -> None:
    run_frontdesk("demo")
    lines = run_frontdesk("doctor").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", "settings"],
        ["warning", "secrets"],
        ["skipped", "public"],
        ["ok", "refusals"],
        ["ok", "clock"],
        ["ok", "data"],
        ["ok", "database"],
        ["ok", "pending"],
        ["ok", "unmatched"],
        ["ok", "consumers"],
    ]
    assert (
        lines[6]
        == f"ok      database        {data_dir}/frontdesk.db, SQLite {sqlite3.sqlite_version}: its "
        "stores and queues can be written"
    )


def lines_about(check: str, *, exit_code: int = 0) -> list[str]:
    """The lines that the doctor prints about ``check``."""
    result = run_frontdesk("doctor")
    assert result.exit_code == exit_code
    return [line for line in result.stdout.splitlines() if line[8:24].rstrip() == check]


def test_doctor_reports_a_backlog_as_a_warning(container: Container) -> None:
    container.spool().enqueue(an_entry("a0"))
    container.message_store().record(a_record(recorded_at=NOW))
    container.dead_letters().store(a_dead_letter())
    result = run_frontdesk("doctor")
    assert result.exit_code == 0
    warnings = [
        line.split()[:2] for line in result.stdout.splitlines() if line.startswith("warning")
    ]
    assert warnings == [
        ["warning", "secrets"],
        ["warning", "spool"],
        ["warning", "pending"],
        ["warning", "dead"],
    ]


def test_doctor_counts_hidden_spool_entries(container: Container) -> None:
    spool = container.spool()
    spool.enqueue(an_entry("a0"))
    assert spool.receive(1, timedelta(minutes=1))
    assert lines_about("spool") == [
        f"warning spool           1 spooled, the oldest came at {readable(NOW)}: each is tried "
        "again within 5 minutes, and 'frontdesk relay' processes now what is due"
    ]


def test_doctor_warns_of_a_spool_entry_that_fails_again_and_again(container: Container) -> None:
    spool = container.spool()
    spool.enqueue(an_entry("a0"))
    for _ in range(SEVERAL_ATTEMPTS):
        assert len(lines_about("spool")) == 1
        (delivery,) = spool.receive(1, timedelta(minutes=1))
        spool.release(delivery, timedelta(0))
    assert lines_about("spool")[1] == (
        "warning spool           an entry was taken 3 times and is still there: what keeps it from "
        "being recorded has not ended by itself. Unless a line above names it, the log does, in "
        'lines with "message": "spooled webhook still fails"'
    )


def test_doctor_reports_a_message_recorded_a_moment_ago_as_ok(container: Container) -> None:
    container.message_store().record(a_record(recorded_at=utc_now()))
    assert lines_about("pending") == ["ok      pending         1 on the way, recorded a moment ago"]


def test_doctor_reports_when_a_pending_message_is_tried_next(container: Container) -> None:
    record = a_record(recorded_at=NOW, attempts=7)
    container.message_store().record(record)
    now = utc_now()
    assert container.outbox().take_lease(record, now)
    assert lines_about("pending") == [
        f"warning pending         1, the oldest of {readable(NOW)}, on no queue yet: attempts so "
        f"far: 8, the next is at {readable(now + LONGEST_LEASE)}"
    ]


def test_doctor_reports_how_many_pending_messages_are_due(container: Container) -> None:
    first, second = (a_record(an_inbound_message(message_id=f"SM{number}")) for number in range(2))
    for record in (first, second):
        container.message_store().record(record)
    assert container.outbox().take_lease(first, utc_now())
    assert lines_about("pending") == [
        f"warning pending         2, the oldest of {readable(NOW)}, on no queue yet: "
        "'frontdesk relay' publishes 1 of them now"
    ]


def test_doctor_reports_a_broken_spool_file_as_a_problem(
    container: Container, data_dir: Path
) -> None:
    spool = container.spool()
    spool.enqueue(an_entry("a0"))
    (file,) = (data_dir / "spool").glob("*.json")
    file.write_text("{")
    assert spool.receive(1, timedelta(minutes=1)) == ()
    assert lines_about("spool", exit_code=1) == [
        "ok      spool           the spool is empty",
        "error   spool           1 broken file in the spool that cannot be read: mend what "
        f"ends in '.broken' in {data_dir / 'spool'} and take that suffix away, or remove it",
    ]


def problems(*texts: str) -> None:
    """Assert that the doctor exits with 1 and reports exactly these problems."""
    result = run_frontdesk("doctor")
    errors = [line[24:] for line in result.stdout.splitlines() if line.startswith("error")]
    assert errors == list(texts)
    assert result.exit_code == 1
    counted = "1 problem" if len(texts) == 1 else f"{len(texts)} problems"
    assert result.stderr == f"frontdesk: {counted} found\n"


def test_doctor_reports_every_wrong_setting_as_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IN_FLIGHT", "many")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "an-invented-token")
    problems(
        "TWILIO_ACCOUNT_SID is missing: TWILIO_AUTH_TOKEN needs it",
        "MAX_IN_FLIGHT: must be a whole number from 1 to 1024",
    )


def test_doctor_reports_a_missing_tenants_file_as_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TENANTS", "file:/no/such/file")
    problems(
        "wrong settings: TENANTS: the file /no/such/file cannot be read: No such file or "
        "directory: until that is mended webhooks get a 503, and no server starts"
    )


def test_doctor_reports_a_broken_development_secret_as_a_problem(
    data_dir: Path, development: DevelopmentCredentials
) -> None:
    (data_dir / "development-secret").write_text("x")
    problems(
        f"the development secret in {data_dir} cannot be read: "
        f"remove {data_dir}/development-secret to get a new one"
    )


def test_doctor_reports_a_database_of_a_newer_version_as_a_problem(data_dir: Path) -> None:
    run_frontdesk("demo")
    with closing(sqlite3.connect(data_dir / "frontdesk.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    problems(
        f"{data_dir}/frontdesk.db: schema version 99, expected at most {len(MIGRATIONS)}: "
        "a newer Frontdesk wrote it"
    )


def test_doctor_reports_a_file_that_is_no_database_as_a_problem(data_dir: Path) -> None:
    data_dir.mkdir()
    path = data_dir / "frontdesk.db"
    path.write_bytes(b"no database at all" * 100)
    problems(f"{path}: the database does not answer: file is not a database")


def test_doctor_reports_a_full_disk_as_a_problem(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=3 * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    problems(f"{data_dir.parent} has 3 MiB left, expected at least 256 MiB")


def test_doctor_reports_an_unwritable_directory_as_a_problem(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    problems(f"{data_dir.parent} cannot be written to by this user")


def test_doctor_reports_a_file_in_place_of_the_directory_as_a_problem(data_dir: Path) -> None:
    data_dir.write_text("")
    problems(f"{data_dir} is a file, expected a directory")


def test_doctor_reports_and_names_dead_letters_that_cannot_be_read(container: Container) -> None:
    note = container.settings().data_dir / "dead-letters" / "note.json"
    note.parent.mkdir(parents=True)
    note.write_text("{}")
    assert lines_about("dead letters", exit_code=1) == [
        f"error   dead letters    1 cannot be read: mend or remove {note.absolute()}"
    ]


@pytest.fixture
def public_urls(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What the doctor says about the public URL with real secrets and these settings."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "7" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "a-token-of-nobody")

    def check(**settings: str) -> list[str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        lines = json_lines(run_frontdesk("doctor", "--json"))
        found = [line for line in lines if line["check"] == "public URL"]
        return [f"{line['status']}: {line['text']}" for line in found]

    return check


def test_doctor_shows_the_public_urls_without_their_queries(
    public_urls: Callable[..., list[str]],
) -> None:
    assert public_urls(
        PUBLIC_BASE_URL="https://hooks.example.com/api/",
        SMS_WEBHOOK_URL="https://user:secret@hooks.example.com/in?key=secret#rc=5",
    ) == [
        "ok: https://hooks.example.com/api/webhooks/whatsapp (whatsapp)",
        "ok: https://hooks.example.com/in (sms, configured whole)",
        "ok: https://hooks.example.com/api/webhooks/email (email)",
    ]


def test_doctor_warns_of_a_public_url_that_is_not_https(
    public_urls: Callable[..., list[str]],
) -> None:
    sms, email = public_urls(PUBLIC_BASE_URL="http://hooks.example.com")[1:]
    assert sms.startswith("warning: http://hooks.example.com/webhooks/sms (sms) is not https")
    assert sms.endswith(" signs its URL most likely calls https: then every signature fails")
    assert email.startswith("warning: ")
    local = public_urls(PUBLIC_BASE_URL="http://127.0.0.1:8000")
    assert [line.partition(":")[0] for line in local] == ["ok"] * 3


def test_doctor_warns_of_channels_without_a_configured_url(
    public_urls: Callable[..., list[str]],
) -> None:
    (warning,) = public_urls()
    assert warning.startswith("warning: PUBLIC_BASE_URL is not set")
    assert "sms and whatsapp" in warning
    _, warning = public_urls(SMS_WEBHOOK_URL="https://hooks.example.com/in")
    assert "of whatsapp, which" in warning
    both = public_urls(WHATSAPP_WEBHOOK_URL="https://hooks.example.com/in")
    assert [line.partition(":")[0] for line in both] == ["ok", "ok"]
