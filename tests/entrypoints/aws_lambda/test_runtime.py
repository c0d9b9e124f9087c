"""The webhook function under Lambda's own runtime client, on embedded storage."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, an_event
from tests.entrypoints.aws_lambda.function_under_test import a_webhook, environ_of
from tests.entrypoints.aws_lambda.runtime_api import SECONDS, RuntimeApi, running, serving

SHAPE = "rest_api_stage"


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with serving() as api:
        yield api


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def an_sms_event(*, tamper: bool = False) -> dict[str, Any]:
    request = a_webhook(ChannelType.SMS, PUBLIC_URLS[SHAPE] + "sms", tamper=tamper)
    return an_event(SHAPE, request)


def test_function_handles_events_one_after_the_other(api: RuntimeApi, tmp_path: Path) -> None:
    events = [an_sms_event(), an_sms_event(tamper=True), {}, None, "text"]
    with running(api, environ_of(tmp_path / "data"), tmp_path / "log"):
        answers = [api.invoke(f"request-{number}", event) for number, event in enumerate(events)]

    assert [(kind, answer["statusCode"]) for kind, answer in answers] == [
        ("response", 200),
        ("response", 401),
        *[("response", 404)] * 3,
    ]


def test_function_output_is_json_and_its_log_names_each_request(
    api: RuntimeApi, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(api, environ_of(tmp_path / "data"), log):
        api.invoke("request-a", an_sms_event())
        api.invoke("request-b", an_sms_event(tamper=True))
    lines = lines_of(log)

    metrics = [line for line in lines if "_aws" in line]
    logged = [
        (line["aws_request_id"], line["outcome"])
        for line in lines
        if "outcome" in line and "_aws" not in line
    ]
    assert logged == [("request-a", "recorded"), ("request-b", "refused")]
    assert len(metrics) >= 2
    assert all("_aws" in line or "timestamp" in line for line in lines)


def test_function_with_wrong_settings_reports_its_failed_start(
    api: RuntimeApi, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(api, {"TWILIO_ACCOUNT_SID": "AC1", "STORAGE": "paper"}, log) as process:
        path, report = api.reports.get(timeout=SECONDS)
        assert process.wait(timeout=SECONDS) == 1

    assert path == "/2018-06-01/runtime/init/error"
    assert report["errorType"] == "SettingsError"
    first = json.loads(log.read_text().splitlines()[0])
    assert first["message"] == "wrong settings"
    assert "STORAGE" in first["reason"]
    assert "TWILIO_AUTH_TOKEN" in first["reason"]


def test_function_restored_from_a_snapshot_handles_a_webhook(
    api: RuntimeApi, tmp_path: Path
) -> None:
    environ = environ_of(tmp_path / "data") | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    with running(api, environ, tmp_path / "log"):
        kind, answer = api.invoke("request-1", an_sms_event())
    assert (kind, answer["statusCode"]) == ("response", 200)
