"""A real Prometheus scrapes a real server, and evaluates the alert rules and the dashboard."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3

from domain.channels import ChannelType
from entrypoints.composition.container import build_container
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.builders import a_conversation
from tests.deployment.test_prometheus_files import DASHBOARD, EXPRESSIONS, RULES
from tests.deployment.test_template import ROOT
from tests.documentation.documents import blocks
from tests.end_to_end.providers import Providers
from tests.processes import environment, server_process

pytestmark = pytest.mark.long

WAIT_SECONDS = 60.0
SCRAPES = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
FORGED = 25


@pytest.fixture(scope="module", autouse=True)
def _prometheus_is_installed() -> None:
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install prometheus")


def promtool(*arguments: str | Path) -> str:
    """What promtool prints, if it finds nothing wrong."""
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configuration(directory: Path, target: str, token: str) -> Path:
    """The scrape configuration of the operations page, for the server at ``target``."""
    (block,) = [one for one in blocks("docs/operations.md", "yaml") if "scrape_configs" in one]
    for shown, here in {
        "/etc/prometheus/frontdesk-token": str(directory / "token"),
        "/etc/prometheus/frontdesk-alerts.yaml": str(ROOT / "deploy/prometheus/alerts.yaml"),
        "127.0.0.1:8000": target,
    }.items():
        assert shown in block
        block = block.replace(shown, here)
    (directory / "token").write_text(token)
    path = directory / "prometheus.yaml"
    path.write_text(SCRAPES + block)
    return path


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus at ``origin``."""

    origin: str

    def get(self, path: str, **parameters: str) -> Any:
        """What its HTTP API answers."""
        response = urllib3.request("GET", f"{self.origin}/api/v1/{path}", fields=parameters)
        answer = response.json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        """The series that an expression gives now."""
        found: list[Any] = self.get("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float:
        """The value of the one series that an expression gives; not a number without one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if len(found) == 1 else float("nan")


def eventually(holds: Callable[[], object], what: str) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < ends_at, f"it did not come in time: {what}"
        time.sleep(0.2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def running_prometheus(directory: Path, path: Path) -> Iterator[Prometheus]:
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={path}",
        f"--storage.tsdb.path={directory / 'series'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    log = directory / "prometheus.log"
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr) as process:
        prometheus = Prometheus(f"http://{address}")
        try:
            eventually(lambda: answers(prometheus) or process.poll() is not None, "its start")
            assert process.poll() is None, log.read_text("utf-8")
            yield prometheus
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def answers(prometheus: Prometheus) -> bool:
    try:
        return urllib3.request("GET", f"{prometheus.origin}/-/ready", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@dataclass(frozen=True)
class Scraped:
    """A server that has received webhooks, and the Prometheus that scrapes it."""

    origin: str
    providers: Providers
    prometheus: Prometheus

    def post(self, channel: ChannelType, *, forged: bool = False, **wanted: Any) -> int:
        """The status of the answer to a webhook."""
        webhook = self.providers.webhook(f"{self.origin}/webhooks/{channel}", channel, **wanted)
        body = webhook.body + b"&Extra=1" if forged else webhook.body
        return urllib3.request("POST", webhook.url, body=body, headers=webhook.headers).status


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    directory = tmp_path_factory.mktemp("scraped")
    environ = environment(directory / "data")
    container = build_container(environ)
    container.conversation_store().open_conversation(a_conversation())
    container.shutdown_resources()
    token = keep_local_token(directory / "data")
    providers = Providers.of(keep_development_credentials(directory / "data"))
    with server_process(environ, directory / "log") as server:
        path = configuration(directory, server.origin.removeprefix("http://"), token)
        promtool("check", "config", path)
        with running_prometheus(directory, path) as prometheus:
            yield Scraped(server.origin, providers, prometheus)


def test_rules_are_valid_and_go_off_when_they_should() -> None:
    found = promtool("check", "rules", ROOT / "deploy/prometheus/alerts.yaml")
    assert f"{len(RULES)} rules found" in found
    promtool("test", "rules", ROOT / "tests/deployment/alerts_test.yaml")


def test_prometheus_scrapes_the_server_with_its_token(scraped: Scraped) -> None:
    eventually(lambda: scraped.prometheus.value('up{job="frontdesk"}') == 1, "a scrape")
    (target,) = scraped.prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_prometheus_sees_what_the_server_receives(scraped: Scraped) -> None:
    recorded = 'frontdesk_webhooks_received_total{channel="sms", outcome="recorded"}'
    eventually(lambda: scraped.prometheus.value(recorded) == 0, "the first scrape")
    assert [scraped.post(ChannelType.SMS) for _ in range(3)] == [200] * 3
    eventually(lambda: scraped.prometheus.value(recorded) == 3, "the webhooks")
    waiting = 'sum(frontdesk_queue_contexts{queue="sms-replies"})'
    eventually(lambda: scraped.prometheus.value(waiting) == 3, "the contexts")


def test_every_rule_is_evaluated_without_an_error(scraped: Scraped) -> None:
    def rules() -> list[Any]:
        found: list[Any] = scraped.prometheus.get("rules")["groups"][0]["rules"]
        return found

    eventually(lambda: all(rule["health"] != "unknown" for rule in rules()), "an evaluation")
    assert {rule["name"]: rule["health"] for rule in rules()} == dict.fromkeys(RULES, "ok")


def test_alert_goes_off_while_signatures_are_refused_and_no_other_does(scraped: Scraped) -> None:
    assert [scraped.post(ChannelType.SMS, forged=True) for _ in range(FORGED)] == [401] * FORGED

    def alerts() -> set[tuple[str, str]]:
        found = scraped.prometheus.get("alerts")["alerts"]
        return {(alert["labels"]["alertname"], alert["state"]) for alert in found}

    firing = ("FrontdeskVerificationFailures", "firing")
    eventually(lambda: firing in alerts(), "the alert")
    assert alerts() == {firing}


def test_every_panel_of_the_dashboard_shows_something(scraped: Scraped) -> None:
    (annotation,) = DASHBOARD["annotations"]["list"]
    stranger = scraped.post(ChannelType.WHATSAPP, sender="+14155550199")
    assert stranger == 200
    for expression in (*EXPRESSIONS, annotation["expr"]):
        query = partial(scraped.prometheus.query, expression.replace("$__rate_interval", "1m"))
        eventually(query, expression)


def test_wrong_token_is_a_target_that_is_down(scraped: Scraped, tmp_path: Path) -> None:
    path = configuration(tmp_path, scraped.origin.removeprefix("http://"), "not the token")
    with running_prometheus(tmp_path, path) as prometheus:
        eventually(lambda: prometheus.value('up{job="frontdesk"}') == 0, "a scrape")
        (target,) = prometheus.get("targets")["activeTargets"]
        assert "401" in target["lastError"]
