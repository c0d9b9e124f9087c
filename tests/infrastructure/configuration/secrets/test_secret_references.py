"""Secrets that a setting names by a reference: a file or a secret of AWS."""

import json
import sys
import traceback
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from domain.errors import SecretsUnavailableError
from entrypoints.composition.backends import secret_reader
from infrastructure.aws.secrets_manager import read_secret_value
from infrastructure.configuration.secrets.secret_references import is_reference
from tests.emulators import EmulatedAws, unique_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:/run/secrets/token", True),
        ("secretsmanager:frontdesk/twilio#auth_token", True),
        ("file:", False),
        ("secretsmanager:", False),
        ("a-token", False),
        ("user:file:password", False),
    ],
)
def test_reference_is_distinguished_from_a_secret(text: str, expected: bool) -> None:
    assert is_reference(text) is expected


def test_secret_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert secret_reader()(f"file:{tmp_path / 'token'}") == "secret"


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_unreadable_secret_file_is_an_invalid_reference(
    tmp_path: Path, content: bytes | None
) -> None:
    if content:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"the file .*token cannot be read: (No such|it is not UTF-8)"
    ):
        secret_reader()(f"file:{tmp_path / 'token'}")


def test_aws_secret_without_the_sdk_is_refused_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "infrastructure.aws.secrets_manager", None)
    with pytest.raises(ValueError, match=r"frontdesk\[aws\]"):
        secret_reader()("secretsmanager:frontdesk/twilio")


class TestSecretsManager:
    @pytest.fixture
    def name(self, aws: EmulatedAws, monkeypatch: pytest.MonkeyPatch) -> str:
        """The name of a secret with two keys; the environment has the emulator's address."""
        name = unique_name("frontdesk")
        text = json.dumps({"auth_token": " token\n", "number": 7})
        aws.secrets_manager.create_secret(Name=name, SecretString=text)
        for variable, value in aws.environ.items():
            monkeypatch.setenv(variable, value)
        return name

    def test_secret_name_without_a_key_is_the_whole_secret(self, name: str) -> None:
        assert json.loads(secret_reader()(f"secretsmanager:{name}"))["number"] == 7

    def test_secret_name_with_a_key_is_the_text_of_the_key(self, name: str) -> None:
        assert secret_reader()(f"secretsmanager:{name}#auth_token") == "token"

    def test_secret_can_be_named_by_its_arn(self, aws: EmulatedAws, name: str) -> None:
        arn = aws.secrets_manager.describe_secret(SecretId=name)["ARN"]
        assert secret_reader()(f"secretsmanager:{arn}#auth_token") == "token"

    def test_rotated_secret_is_read_in_its_present_form(self, aws: EmulatedAws, name: str) -> None:
        read = secret_reader()
        read(f"secretsmanager:{name}")
        aws.secrets_manager.put_secret_value(SecretId=name, SecretString="rotated")
        assert read(f"secretsmanager:{name}") == "rotated"

    @pytest.mark.parametrize(
        ("key", "problem"),
        [("password", "is not JSON with the key password"), ("number", "no text under the key")],
    )
    def test_missing_key_of_a_secret_is_refused_without_showing_the_secret(
        self, name: str, key: str, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            secret_reader()(f"secretsmanager:{name}#{key}")
        assert "token" not in "".join(traceback.format_exception_only(caught.value))

    def test_key_of_a_secret_that_is_not_json_is_refused(self, aws: EmulatedAws, name: str) -> None:
        aws.secrets_manager.put_secret_value(SecretId=name, SecretString="hunter2")
        with pytest.raises(ValueError, match="not JSON") as caught:
            secret_reader()(f"secretsmanager:{name}#password")
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))

    def test_binary_secret_is_refused(self, aws: EmulatedAws, name: str) -> None:
        aws.secrets_manager.put_secret_value(SecretId=name, SecretBinary=b"\x00")
        with pytest.raises(ValueError, match="binary"):
            secret_reader()(f"secretsmanager:{name}")

    def test_missing_secret_is_reported_by_name_as_unavailable(self, name: str) -> None:
        with pytest.raises(SecretsUnavailableError, match=f"{name}-gone: ResourceNotFound"):
            secret_reader()(f"secretsmanager:{name}-gone")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_refusal_by_secrets_manager_is_reported_as_unavailable_secret(
    unreachable_aws: EmulatedAws, code: str
) -> None:
    with Stubber(unreachable_aws.secrets_manager) as stubber:
        stubber.add_client_error("get_secret_value", code)
        with pytest.raises(SecretsUnavailableError, match=f"secret twilio: {code}"):
            read_secret_value(unreachable_aws.secrets_manager, "twilio")


def test_unreachable_secrets_manager_is_reported_as_unavailable_secret(
    unreachable_aws: EmulatedAws,
) -> None:
    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    unreachable_aws.secrets_manager.meta.events.register("before-call", fail)
    with pytest.raises(SecretsUnavailableError, match="EndpointConnectionError"):
        read_secret_value(unreachable_aws.secrets_manager, "twilio")
