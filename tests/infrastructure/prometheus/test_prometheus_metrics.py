"""What is counted comes out as Prometheus expects it."""

import ast
import re
import sys
import threading
from pathlib import Path
from types import FrameType

import pytest
from prometheus_client.openmetrics import parser as openmetrics

from application.ports.metrics import Reading
from domain.channels import ChannelType
from infrastructure.channels.sendgrid import remedies as sendgrid
from infrastructure.channels.twilio import remedies as twilio
from infrastructure.prometheus.metric_names import COUNTED, GAUGES
from infrastructure.prometheus.metrics_page import MetricsPage
from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics
from infrastructure.prometheus.shared_numbers import SharedNumbers
from tests.infrastructure.prometheus.pages import scrape

ROOT = Path(__file__).parents[3]
SOURCES = [
    path for layer in ("application", "infrastructure") for path in ROOT.glob(f"{layer}/**/*.py")
]
NOT_COUNTED = {"Pending"}
"""A scrape reads a gauge instead."""


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics(SharedNumbers.of_one_process())


def test_counter_adds_up_for_each_set_of_dimensions(metrics: PrometheusMetrics) -> None:
    metrics.count("Fallbacks", channel="sms", result="sent")
    metrics.count("Fallbacks", 2, result="sent", channel=ChannelType.SMS)
    metrics.count("Fallbacks", channel="sms", reason="opt_out")
    metrics.count("Duplicates", 5)
    samples = scrape(metrics)
    assert samples.value("fallbacks_total", channel="sms", result="sent", reason="") == 3
    assert samples.value("fallbacks_total", channel="sms", result="", reason="opt_out") == 1
    assert samples.value("duplicates_total") == 5
    assert samples.families["frontdesk_fallbacks"] == "counter"


def test_durations_are_a_histogram_in_seconds(metrics: PrometheusMetrics) -> None:
    for milliseconds in (0.4, 1, 7_999.0, 8_001.0, 20_000.0):
        metrics.observe_milliseconds("ProcessingMilliseconds", milliseconds, channel="sms")
    samples = scrape(metrics)
    up_to = {
        bound: samples.value("processing_seconds_bucket", channel="sms", le=bound)
        for bound in ("0.001", "0.0025", "5.0", "8.0", "11.0", "15.0", "+Inf")
    }
    assert [*up_to.values()] == [2, 2, 2, 3, 4, 4, 5]
    assert samples.value("processing_seconds_count", channel="sms") == 5
    assert samples.value("processing_seconds_sum", channel="sms") == pytest.approx(36.0014)
    assert samples.families["frontdesk_processing_seconds"] == "histogram"


def test_sizes_are_a_histogram_of_members(metrics: PrometheusMetrics) -> None:
    for size in (1, 1, 3, 64):
        metrics.observe_size("CommitGroupSize", size)
    samples = scrape(metrics)
    up_to = [samples.value("commit_group_size_bucket", le=le) for le in ("1.0", "2.0", "4.0")]
    assert up_to == [2, 2, 3]
    assert samples.value("commit_group_size_sum") == 69
    assert samples.value("commit_group_size_count") == 4


def test_series_that_are_known_beforehand_begin_with_zero(metrics: PrometheusMetrics) -> None:
    samples = scrape(metrics)
    assert samples.value("webhooks_received_total", channel="email", outcome="failed") == 0
    assert samples.value("dead_letters_total", kind="bug") == 0
    assert samples.value("spooled_total") == 0
    assert samples.value("errors_total", type="StorageUnavailableError") == 0
    assert samples.named("purged_total") == {}


@pytest.mark.parametrize(
    ("channel", "remedies"),
    [(ChannelType.SMS, twilio.REMEDIES), (ChannelType.EMAIL, sendgrid.REMEDIES)],
)
def test_every_reason_of_a_refusal_begins_with_zero(
    channel: ChannelType, remedies: dict[str, str], metrics: PrometheusMetrics
) -> None:
    samples = scrape(metrics)
    reasons = remedies.keys() - {"too_large"}  # a metric of its own
    counts = {
        reason: samples.value("verification_failures_total", channel=channel, reason=reason)
        for reason in reasons
    }
    assert counts == dict.fromkeys(reasons, 0)


def test_gauges_are_what_is_read_at_the_scrape(metrics: PrometheusMetrics) -> None:
    readings = [
        Reading("queue_contexts", 3, {"queue": "sms-replies", "state": "ready"}),
        Reading("queue_contexts", 0, {"queue": "sms-handoff", "state": "ready"}),
        Reading("pending_messages", 7),
    ]
    samples = scrape(metrics, readings)
    assert samples.named("queue_contexts") == {
        ("sms-replies", "ready"): 3,
        ("sms-handoff", "ready"): 0,
    }
    assert samples.value("pending_messages") == 7
    assert samples.families["frontdesk_pending_messages"] == "gauge"


def test_pending_is_read_and_not_counted(metrics: PrometheusMetrics) -> None:
    before = metrics.shared.totals()
    metrics.count("Pending", 5)
    assert metrics.shared.totals() == before


def test_prometheus_may_ask_for_the_open_metrics_format(metrics: PrometheusMetrics) -> None:
    metrics.count("Errors", type='Odd "name"\n')
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    text, content_type = MetricsPage(metrics.shared.totals)([], accept)
    assert content_type.startswith("application/openmetrics-text")
    parsed = openmetrics.text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]  # the library's
    families = {family.name: family for family in parsed}
    (counted,) = [one for one in families["frontdesk_errors"].samples if one.value]
    assert (counted.labels, counted.value) == ({"type": 'Odd "name"\n'}, 1)


def test_series_that_was_met_before_costs_one_function_call(metrics: PrometheusMetrics) -> None:
    entered: list[str] = []

    def count_calls(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        metrics.count("WebhooksReceived", channel="sms", outcome="recorded")
    finally:
        sys.setprofile(before)
    assert entered == ["count"]


def test_threads_count_without_losing_any(metrics: PrometheusMetrics) -> None:
    def work() -> None:
        for _ in range(2_000):
            metrics.count("WebhooksReceived", channel="sms", outcome="recorded")
            metrics.observe_milliseconds("ProcessingMilliseconds", 3.0, channel="sms")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    samples = scrape(metrics)
    assert samples.value("webhooks_received_total", channel="sms", outcome="recorded") == 16_000
    assert samples.value("processing_seconds_count", channel="sms") == 16_000


def calls() -> list[tuple[str, str, set[str]]]:
    """Method, metric and dimensions of every call that counts something in the code."""
    found: list[tuple[str, str, set[str]]] = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        attr="count" | "observe_milliseconds" | "observe_size" as how
                    ),
                    args=[ast.Constant(value=str(name)), *_],
                ) if re.fullmatch("[A-Z][A-Za-z]+", name):
                    found.append((how, name, {word.arg for word in node.keywords if word.arg}))
    return found


def test_table_has_every_metric_that_the_code_counts_and_no_other() -> None:
    assert {name for _, name, _ in calls()} - NOT_COUNTED == COUNTED.keys()
    for how, name, dimensions in calls():
        if name not in NOT_COUNTED:
            assert dimensions <= COUNTED[name].labels.keys(), name
            assert bool(COUNTED[name].bounds) == how.startswith("observe"), name


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in COUNTED.values():
        assert re.fullmatch("[a-z_]+", metric.name)
        assert metric.name.endswith("_total") is not bool(metric.bounds)
    names = [*(metric.name for metric in COUNTED.values()), *GAUGES]
    assert len(names) == len(set(names))
    assert not [name for name in GAUGES if name.endswith("_total")]
