"""The start of a function, before its first event."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from snapshot_restore_py import get_after_restore  # type: ignore[import-untyped]  # no types

from domain.channels import ChannelType
from entrypoints.aws_lambda.startup import start
from entrypoints.aws_lambda.webhook_function import build_function
from infrastructure.configuration.settings import SettingsError
from tests.entrypoints.aws_lambda.function_under_test import LambdaFrontDesk, environ_of


def test_copies_of_a_snapshot_draw_different_random_numbers(frontdesk: LambdaFrontDesk) -> None:
    def restored() -> float:
        random.seed("the state in the snapshot")
        for hook, arguments, named in get_after_restore():
            hook(*arguments, **named)
        return random.random()

    assert restored() != restored()


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
def test_every_parser_is_built_at_the_start_unless_the_start_is_on_demand(
    tmp_path: Path, kind: str
) -> None:
    script = (
        "import os, sys; from entrypoints.aws_lambda.webhook_function import build_function;"
        "build_function(os.environ);"
        "print('infrastructure.channels.sendgrid.parser' in sys.modules)"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**environ_of(tmp_path), "AWS_LAMBDA_INITIALIZATION_TYPE": start},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for start in (kind, "on-demand")
    ]
    assert loaded == ["True", "False"]


def test_functions_leave_refusals_to_their_log(tmp_path: Path) -> None:
    container = start(environ_of(tmp_path), lambda container, _: container)
    refusals = container.refusals()
    refusals.add(ChannelType.SMS, "AC1", "signature_mismatch", "https://hooks.example.com/sms")
    assert refusals.latest() == ()
    assert 'outcome = "refused"' in str(refusals.notice())
    assert container.receive_webhook().refusals() is refusals


def test_wrong_settings_stop_the_start_with_one_log_line_that_names_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SettingsError):
        build_function({"STORAGE": "paper", "TWILIO_ACCOUNT_SID": "AC1", "MAX_IN_FLIGHT": "0"})
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())

    assert (line["level"], line["message"]) == ("CRITICAL", "wrong settings")
    for name in ("STORAGE", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "MAX_IN_FLIGHT"):
        assert name in line["reason"]
