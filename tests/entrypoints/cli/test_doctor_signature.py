"""The doctor of signatures names cause and remedy of captures that are broken on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.signature_cases import CASES, Case
from tests.entrypoints.cli.support import run_frontdesk


def diagnosed(
    capture: bytes,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *options: str,
) -> list[dict[str, Any]]:
    """The diagnoses of ``capture``, as JSON; the command has printed no secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "capture"
    path.write_bytes(capture)
    result = run_frontdesk("doctor", "signature", str(path), "--json", *options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    secrets = [
        value for name, value in environment.items() if "SID" not in name and "URL" not in name
    ]
    assert not any(secret in result.output for secret in secrets)
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case.how for case in CASES])
def test_cause_and_remedy_of_a_broken_capture_are_named(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (diagnosis,) = diagnosed(case.capture, case.environment, monkeypatch, tmp_path, *case.options)
    assert diagnosis["status"] == "explained", diagnosis
    assert tuple(diagnosis["causes"]) == case.causes, diagnosis
    assert diagnosis["setting"] == (dict([case.setting]) if case.setting else None)
    assert case.advice in " ".join([diagnosis["explanation"], *diagnosis["remedies"]])
    assert diagnosis["remedies"]
