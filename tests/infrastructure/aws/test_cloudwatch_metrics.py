"""Metrics in the log, by the published rules of the Embedded Metric Format."""

import io
import json
import threading
from typing import Any

import jsonschema
import pytest

from infrastructure.aws.cloudwatch_metrics import EmfMetrics

NOW_SECONDS = 1_772_625_600.25
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
UNITS = ["Count", "Milliseconds"]
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": NAME},
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name", "Unit"],
                                    "additionalProperties": False,
                                    "properties": {"Name": NAME, "Unit": {"enum": UNITS}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 1024},
            {"type": "number"},
            {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "number"}},
        ]
    },
}
"""What CloudWatch accepts by its specification, and no other document."""

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

Found = dict[tuple[str, frozenset[tuple[str, str]]], Any]


class Log:
    """Metrics that write to a log, and the values that CloudWatch would read from it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.metrics = EmfMetrics("Frontdesk/test", lambda: self.stream, lambda: NOW_SECONDS)

    def lines(self) -> list[dict[str, Any]]:
        """The lines so far, each valid."""
        self.metrics.flush()
        lines = [json.loads(text) for text in self.stream.getvalue().splitlines()]
        for line in lines:
            VALIDATOR.validate(line)
        return lines

    def found(self) -> Found:
        """Name and dimensions → every value, as CloudWatch reads it by the directives."""
        found: Found = {}
        for line in self.lines():
            for directive in line["_aws"]["CloudWatchMetrics"]:
                (names,) = directive["Dimensions"]
                dimensions = frozenset((name, line[name]) for name in names)
                for definition in directive["Metrics"]:
                    values = line[definition["Name"]]
                    series = found.setdefault((definition["Name"], dimensions), [])
                    series += values if isinstance(values, list) else [values]
        return found


@pytest.fixture
def log() -> Log:
    return Log()


def test_metrics_of_one_webhook_are_written_in_one_line(log: Log) -> None:
    log.metrics.count("WebhooksReceived", channel="sms", outcome="recorded")
    log.metrics.count("QueueRouting", queue="sms-replies", result="sent")
    log.metrics.count("Duplicates")
    log.metrics.observe_milliseconds("ProcessingMilliseconds", 12.34567, channel="sms")

    assert len(log.lines()) == 1
    assert log.found() == {
        ("WebhooksReceived", frozenset({("channel", "sms"), ("outcome", "recorded")})): [1],
        ("QueueRouting", frozenset({("queue", "sms-replies"), ("result", "sent")})): [1],
        ("Duplicates", frozenset()): [1],
        ("ProcessingMilliseconds", frozenset({("channel", "sms")})): [12.346],
    }


def test_metric_line_is_the_document_that_cloudwatch_expects(log: Log) -> None:
    log.metrics.count("Fallbacks", 2, result="sent", channel="email")
    assert log.lines() == [
        {
            "_aws": {
                "Timestamp": 1_772_625_600_250,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Frontdesk/test",
                        "Dimensions": [["channel", "result"]],
                        "Metrics": [{"Name": "Fallbacks", "Unit": "Count"}],
                    }
                ],
            },
            "channel": "email",
            "result": "sent",
            "Fallbacks": 2,
        }
    ]


def test_counts_with_the_same_dimensions_are_added_in_any_order(log: Log) -> None:
    log.metrics.count("Fallbacks", channel="sms", result="sent")
    log.metrics.count("Fallbacks", 4, result="sent", channel="sms")
    assert [*log.found().values()] == [[5]]


def test_counts_with_other_dimensions_or_values_are_separate(log: Log) -> None:
    log.metrics.count("Fallbacks", channel="sms", result="sent")
    log.metrics.count("Fallbacks", channel="sms", reason="opt_out")
    log.metrics.count("Fallbacks", channel="email", result="sent")
    log.metrics.count("UnknownSenders", channel="email")

    assert len(log.lines()) == 3
    assert sum(len(values) for values in log.found().values()) == 4


def test_metric_line_has_at_most_a_hundred_values_of_a_metric(log: Log) -> None:
    for number in range(250):
        log.metrics.observe_milliseconds("ProcessingMilliseconds", number, channel="sms")

    assert len(log.lines()) == 3
    (values,) = log.found().values()
    assert values == [*range(250)]


def test_second_flush_writes_no_line(log: Log) -> None:
    log.metrics.count("Duplicates")
    assert len(log.lines()) == 1
    assert len(log.lines()) == 1


def test_concurrent_counts_are_not_lost(log: Log) -> None:
    def count() -> None:
        for _ in range(500):
            log.metrics.count("Duplicates")
            log.metrics.flush()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(log.found()["Duplicates", frozenset()]) == 2000
