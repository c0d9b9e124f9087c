"""Prometheus gets the metrics with a token, and nobody gets them without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.channels import ChannelType
from entrypoints.composition.container import build_container, count_for_prometheus
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api, GivenToken, given_token, problem
from tests.infrastructure.prometheus.pages import Samples

READER = given_token("prometheus", [Scope.READ])
WRITER = given_token("writer", [Scope.WRITE])
OF_A_COMPANY = given_token("acme", companies=["acme"])
EVERYTHING = given_token("everything")
TOKENS = (READER, WRITER, OF_A_COMPANY, EVERYTHING)
SMS = ChannelType.SMS


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A front desk that counts as a server does, and a client without a token."""
    tokens = "\n".join(token.line for token in TOKENS)
    container = build_container({"DATA_DIR": str(tmp_path), "API_TOKENS": tokens})
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        yield Api(frontdesk)


def scraped(api: Api) -> Samples:
    response = api.with_token(READER.text).call("GET", "/metrics")
    assert response.status == 200
    return Samples(response.data.decode())


@pytest.mark.parametrize(
    ("token", "status"),
    [(None, 401), (WRITER, 403), (OF_A_COMPANY, 403)],
    ids=["none", "write", "a company"],
)
def test_metrics_need_a_token_that_may_read_all_companies(
    api: Api, token: GivenToken | None, status: int
) -> None:
    client = api.with_token(token.text) if token else api
    assert problem(client.call("GET", "/metrics")) == status
    assert client.call("HEAD", "/metrics").status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_metrics_are_only_read(api: Api, method: str) -> None:
    assert problem(api.with_token(EVERYTHING.text).call(method, "/metrics", {})) == 405
    assert problem(api.with_token(READER.text).call(method, "/metrics", {})) == 403


def test_prometheus_may_call_the_server_by_any_name(api: Api) -> None:
    host = {"host": "frontdesk:8000"}
    assert api.with_token(READER.text).call("GET", "/metrics", headers=host).status == 200
    assert problem(api.call("GET", "/metrics", headers=host)) == 401


def test_path_below_the_metrics_is_no_page(api: Api) -> None:
    assert api.with_token(READER.text).call("GET", "/metrics/x").status == 404


def test_answer_is_text_that_no_cache_keeps(api: Api) -> None:
    response = api.with_token(READER.text).call("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert response.headers["cache-control"] == "no-store"
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    response = api.with_token(READER.text).call("GET", "/metrics", headers=accept)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.data.endswith(b"# EOF\n")


def test_webhooks_are_counted_by_channel_and_outcome(api: Api) -> None:
    frontdesk = api.frontdesk
    frontdesk.given_conversation(SMS)
    webhook = frontdesk.webhook(SMS)
    assert [frontdesk.post(webhook).status for _ in range(2)] == [200, 200]
    webhook.headers["X-Twilio-Signature"] = "invented"
    assert frontdesk.post(webhook).status == 401
    samples = scraped(api)
    received = samples.named("webhooks_received_total")
    assert {labels: value for labels, value in received.items() if value} == {
        ("sms", "recorded"): 1,
        ("sms", "duplicate"): 1,
        ("sms", "refused"): 1,
    }
    reason = {"channel": "sms", "reason": "signature_ill_formed"}
    assert samples.value("verification_failures_total", **reason) == 1
    assert samples.value("duplicates_total") == 1
    assert samples.value("queue_routing_total", queue="sms-replies", result="queued") == 1
    assert samples.value("processing_seconds_count", channel="sms") == 3
    assert samples.value("commit_group_size_count") == 2
    assert samples.value("queue_contexts", queue="sms-replies", state="delayed") == 1
    assert samples.value("scrape_errors", source="store") == 0
