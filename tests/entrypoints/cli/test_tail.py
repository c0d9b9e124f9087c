"""``frontdesk tail`` where there is nothing to follow on this machine."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.configuration.followed_log import FollowedLog
from tests.entrypoints.cli.support import json_lines, run_frontdesk
from tests.entrypoints.composition.test_container import DYNAMODB, SQS, TWILIO


@pytest.mark.usefixtures("empty_database")
def test_tail_without_a_server_says_so_and_waits(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_until_ctrl_c() -> Iterator[float]:
        yield 3.0
        raise KeyboardInterrupt

    waits = nothing_until_ctrl_c()
    monkeypatch.setattr(FollowedLog, "read", lambda _, seconds: [] if seconds == next(waits) else 0)
    result = run_frontdesk("tail")
    assert result.exit_code == 128 + signal.SIGINT
    note = f"no server works on {data_dir} yet: start 'frontdesk serve'"
    assert result.stderr.splitlines()[0] == note
    assert not [*data_dir.glob("*follower*")]


@pytest.fixture
def aws_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**DYNAMODB, **SQS, **TWILIO, "STAGE": "prod"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("aws_backends")
def test_tail_on_aws_prints_the_log_query_to_run() -> None:
    output = run_frontdesk("tail").stdout
    assert "aws logs tail" in output
    assert "--function-name frontdesk-prod-IncomingWebhookHandler" in output
    assert """--filter-pattern '{ $.message = "webhook handled" }'""" in output
    assert '| filter message = "webhook handled"' in output


@pytest.mark.usefixtures("aws_backends")
def test_tail_on_aws_prints_the_query_as_json() -> None:
    (record,) = json_lines(run_frontdesk("tail", "--json"))
    assert record["stage"] == "prod"
    assert '| filter message = "webhook handled"' in record["logs_insights_query"]
