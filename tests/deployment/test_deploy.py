"""The commands of a deployment: their calls of sam, and their error messages."""

import re
import socket
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import deploy.local
import deploy.stack
from deploy.environment import exports
from deploy.package import ROOT
from tests.emulators import OFFLINE_AWS, EmulatedAws

SECRET = "frontdesk/staging/tenants"
TENANTS = """{"tenants": [{
    "company_id": "acme",
    "recipients": ["+15005550006"],
    "twilio": {"account_sid": "AC00000000000000000000000000000001", "auth_tokens": ["a-token"]}
}]}"""


@pytest.fixture(autouse=True)
def _packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package, and a ``sam`` that records its arguments."""
    package, sam = tmp_path / "frontdesk-lambda.zip", tmp_path / "sam"
    package.touch()
    sam.write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "asked"}\nexit 3\n')
    sam.chmod(0o755)
    monkeypatch.setattr(deploy.stack, "DEFAULT_OUTPUT", package)
    monkeypatch.setattr(deploy.stack, "SAM", sam)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in OFFLINE_AWS.items():
        monkeypatch.setenv(name, value)


def deployed(*arguments: str) -> Result:
    return CliRunner().invoke(deploy.stack.main, list(arguments))


def test_deploy_calls_sam_for_the_stage_and_returns_its_exit_status(
    moto_aws: EmulatedAws, tmp_path: Path
) -> None:
    moto_aws.secrets_manager.create_secret(Name=SECRET, SecretString=TENANTS)
    assert deployed("staging", "AlarmEmail=oncall@example.com").exit_code == 3
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("deploy --stack-name frontdesk-staging ")
    assert re.search(
        r" Stage=staging Release=[0-9a-f]{10} AlarmEmail=oncall@example.com$", asked, re.M
    )


def test_deployed_stage_is_deployed_although_old_versions_cannot_be_deleted(
    moto_aws: EmulatedAws, tmp_path: Path
) -> None:
    moto_aws.secrets_manager.create_secret(Name=SECRET, SecretString=TENANTS)
    (tmp_path / "sam").write_text("#!/bin/sh\n")
    result = deployed("staging")
    assert result.exit_code == 0
    assert "old versions of the function were not deleted" in result.stderr
    assert "ResourceNotFoundException" in result.stderr


def test_deploy_without_the_secret_says_how_to_create_it(
    moto_aws: EmulatedAws, tmp_path: Path
) -> None:
    result = deployed("staging")
    assert result.exit_code == 1
    assert f"aws secretsmanager create-secret --name {SECRET}" in result.stderr
    assert not (tmp_path / "asked").exists()


def test_deploy_refuses_a_secret_that_the_function_would_refuse(
    moto_aws: EmulatedAws, tmp_path: Path
) -> None:
    wrong = TENANTS.replace("AC0000", "XX0000")
    moto_aws.secrets_manager.create_secret(Name=SECRET, SecretString=wrong)
    result = deployed("staging")
    assert result.exit_code == 1
    assert f"the secret {SECRET} is not valid: TENANTS: tenants.0.twilio.account_sid" in (
        result.stderr
    )
    assert "a-token" not in result.output
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "there are no AWS credentials"),
        (("AWS_DEFAULT_REGION",), "there is no AWS region: set AWS_DEFAULT_REGION"),
    ],
)
def test_deploy_without_an_aws_account_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], hint: str
) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    result = deployed("staging")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert hint in result.stderr


def test_deploy_without_a_package_says_how_to_build_one(tmp_path: Path) -> None:
    (tmp_path / "frontdesk-lambda.zip").unlink()
    assert "run 'make package'" in deployed("staging").stderr


def test_make_deploy_without_a_stage_asks_for_one() -> None:
    done = subprocess.run(["make", "deploy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("say which stage, like STAGE=prod\n")


def test_local_deployment_refuses_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(deploy.local.main, ["--port", port])
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: port {port}: Address already in use: name another\n",
    )


def test_exported_settings_are_read_back_unchanged_by_a_shell() -> None:
    script = exports({"FALLBACK_TEXT": "It's $5; we'll be back"}) + 'printf %s "$FALLBACK_TEXT"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "It's $5; we'll be back"
