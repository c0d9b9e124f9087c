"""The log at level DEBUG holds no personal data and no secrets."""

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import urllib3

from domain.channels import ChannelType
from entrypoints.composition.container import build_container
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.development_secret import (
    FILE_NAME,
    keep_development_credentials,
)
from tests.builders import a_conversation
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import EMAIL
from tests.end_to_end.traffic import (
    API_KEY,
    BODY,
    KNOWN,
    MAILBOX,
    NUMBER,
    PASSWORD,
    RECIPIENTS,
    SEEDS,
    Traffic,
)
from tests.infrastructure.prometheus.pages import Samples
from tests.processes import environment, server_process


@dataclass(frozen=True)
class Log:
    """The log, output, refusals and metrics of a server, and what they must not contain."""

    lines: list[str]
    refusals: str
    printed: str
    seeds: tuple[str, ...]
    metrics: str

    def records(self, message: str) -> list[dict[str, object]]:
        """The log lines with this message."""
        parsed = (json.loads(line) for line in self.lines)
        return [record for record in parsed if record["message"] == message]


def _development(data_dir: Path) -> tuple[Providers, dict[str, str]]:
    return Providers.of(keep_development_credentials(data_dir)), {}


def _real(_: Path) -> tuple[Providers, dict[str, str]]:
    """Accounts that do not exist at the providers, so fallbacks are disabled."""
    providers = Providers.numbered(7)
    return providers, {
        "TWILIO_ACCOUNT_SID": providers.account_sid,
        "TWILIO_AUTH_TOKEN": f"{'9' * 32},{providers.auth_token}",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": providers.mail_public_key,
        "SENDGRID_BASIC_AUTH": PASSWORD,
        "SENDGRID_API_KEY": API_KEY,
        "FALLBACK_EMAIL_FROM": RECIPIENTS[EMAIL],
        "FALLBACK_MAX_PER_HOUR": "0",
    }


STATUSES = [200, 200, 200, 200, 401, 200, 413, 404, 405]
Accounts = Callable[[Path], tuple[Providers, dict[str, str]]]


@pytest.fixture(scope="module", params=[_development, _real], ids=["development", "real"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The log of a server that received every kind of request, and then lost store and spool."""
    accounts: Accounts = request.param
    directory = tmp_path_factory.mktemp("logs")
    data_dir = directory / "data"
    providers, secrets = accounts(data_dir)
    environ = environment(data_dir, LOG_LEVEL="DEBUG", MAX_BODY_BYTES="60000", **secrets)
    _open_conversations(environ)
    with server_process(environ, directory / "log") as server:
        traffic = Traffic(server.origin, providers, [])
        for channel in ChannelType:
            assert traffic.statuses(channel) == STATUSES
        traffic.break_the_protocol()
        _break_the_store(data_dir)
        for channel in ChannelType:
            assert traffic.post(traffic.webhook(channel, KNOWN[channel])) == 200
        _break_the_spool(data_dir)
        for channel in ChannelType:
            assert traffic.post(traffic.webhook(channel, KNOWN[channel])) == 503
        metrics = _scrape(server.origin, data_dir)
    known = [providers.auth_token, *secrets.get("TWILIO_AUTH_TOKEN", "").split(",")]
    known += [path.read_text() for path in data_dir.glob(FILE_NAME)]
    number = providers.mail_key.private_numbers().private_value
    seeds = (*SEEDS, *filter(None, known), f"{number:x}", *traffic.signatures)
    lines = (directory / "log").read_text("utf-8").splitlines()
    refusals = (data_dir / "refusals").read_text("utf-8", "replace")
    return Log(lines, refusals, server.printed, seeds, metrics)


def _open_conversations(environ: dict[str, str]) -> None:
    container = build_container(environ)
    for channel in ChannelType:
        container.conversation_store().open_conversation(
            a_conversation(
                channel,
                conversation_id=f"conversation-{channel}",
                sender_id=KNOWN[channel],
                recipient_id=RECIPIENTS[channel],
            )
        )
    container.shutdown_resources()


def _break_the_store(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "frontdesk.db", isolation_level=None)) as connection:
        connection.execute("ALTER TABLE messages RENAME TO elsewhere")


def _break_the_spool(data_dir: Path) -> None:
    (data_dir / "spool").rename(data_dir / "elsewhere")
    (data_dir / "spool").touch()


def _scrape(origin: str, data_dir: Path) -> str:
    """What Prometheus gets, of a server whose store and spool do not answer."""
    headers = {"authorization": f"Bearer {keep_local_token(data_dir)}"}
    return urllib3.request("GET", f"{origin}/metrics", headers=headers).data.decode()


def forms(seed: str) -> set[str]:
    """``seed`` as a line may encode it: in JSON, a URL, hex, or base64 at any place of a text."""
    data = seed.encode()
    encoded = {base64.b64encode(b"\0" * shift + data).decode()[shift * 2 :] for shift in range(3)}
    # The characters at both ends depend on what stands beside them.
    middles = {text.rstrip("=")[1:-1] for text in encoded}
    written = {seed, json.dumps(seed)[1:-1], quote(seed, safe=""), quote_plus(seed), data.hex()}
    return {form.lower() for form in written | middles}


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("seed", [NUMBER, MAILBOX, BODY])
def test_seed_is_found_in_a_log_line_in_every_encoding(seed: str, before: str) -> None:
    text = f"{before}{seed}, more".encode()
    for line in (text.decode(), base64.b64encode(text).decode(), text.hex(), quote(text)):
        assert any(form in line.lower() for form in forms(seed))


def test_log_holds_no_personal_data_and_no_secret(log: Log) -> None:
    text = "\n".join([log.printed, log.refusals, *log.lines]).lower()
    assert [seed for seed in log.seeds if any(form in text for form in forms(seed))] == []


IDS = ("request_id", "conversation_id", "message_id", "dead_letter_id", "spool_entry_id")


def test_metrics_hold_no_address_no_id_and_nothing_of_a_message(log: Log) -> None:
    samples = Samples(log.metrics)
    for outcome in ("recorded", "unmatched", "refused", "dead_letter", "spooled", "failed"):
        received = samples.named("webhooks_received_total")
        assert all(received[channel, outcome] for channel in ChannelType), outcome
    assert samples.value("scrape_errors", source="spool") == 1
    text = log.metrics.lower()
    assert [seed for seed in log.seeds if any(form in text for form in forms(seed))] == []
    records = [json.loads(line) for line in log.lines]
    ids = {str(record[name]) for record in records for name in IDS if name in record}
    assert len(ids) > 20
    assert [one for one in ids if one.lower() in text] == []


def test_refusals_are_there_without_signatures_and_values_of_queries(log: Log) -> None:
    for expected in ("signature_mismatch", "/webhooks/sms?token=*", "/webhooks/whatsapp?token=*"):
        assert expected in log.refusals


def test_every_log_line_is_a_json_object_with_its_logger(log: Log) -> None:
    for line in log.lines:
        assert list(json.loads(line))[:4] == ["timestamp", "level", "logger", "message"]


def test_recorded_webhook_is_logged_with_all_its_ids(log: Log) -> None:
    handled = log.records("webhook handled")
    for channel in ChannelType:
        first, again = (
            record
            for record in handled
            if record["channel"] == channel and record["outcome"] in {"recorded", "duplicate"}
        )
        assert (first["outcome"], again["outcome"]) == ("recorded", "duplicate")
        assert first["conversation_id"] == again["conversation_id"] == f"conversation-{channel}"
        assert first["request_id"] == again["request_id"]
        assert first["message_id"] == again["message_id"]


REQUIRED = {
    "spooled": {"duration_ms"},
    "recorded": {"request_id", "conversation_id", "message_id", "duration_ms"},
    "duplicate": {"request_id", "conversation_id", "message_id", "duration_ms"},
    "unmatched": {"request_id", "message_id", "duration_ms"},
    "dead_letter": {"dead_letter_id", "duration_ms"},
    "refused": {"status"},
    "failed": {"status", "duration_ms"},
}


def test_every_webhook_is_logged_with_its_outcome(log: Log) -> None:
    outcomes: dict[str, int] = {}
    for record in log.records("webhook handled"):
        outcome = str(record["outcome"])
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        assert {"channel", *REQUIRED[outcome]} <= record.keys()
    assert outcomes["recorded"] == outcomes["duplicate"] == outcomes["dead_letter"] == 3
    assert outcomes["unmatched"] == 6
    assert outcomes["refused"] >= 4 * len(ChannelType)
    assert outcomes["spooled"] == len(ChannelType)
    assert outcomes["failed"] >= len(ChannelType)


def test_refused_signature_is_logged_with_channel_and_duration(log: Log) -> None:
    refused = [record for record in log.records("webhook handled") if record.get("status") == 401]
    assert {record["channel"] for record in refused} >= set(ChannelType)
    assert all("duration_ms" in record for record in refused)


def test_error_is_logged_with_its_traceback_but_not_with_its_text(log: Log) -> None:
    errors = log.records("webhook failed")
    assert {error["error"] for error in errors} >= {"StorageUnavailableError"}
    for error in errors:
        frames = error["traceback"]
        assert isinstance(frames, list)
        assert frames
