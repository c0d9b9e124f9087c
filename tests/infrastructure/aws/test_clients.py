"""A client that cannot be created is reported as an error of the domain."""

import pytest
from boto3.session import Session
from botocore.exceptions import CredentialRetrievalError

from domain.errors import StorageUnavailableError
from infrastructure.aws.clients import AwsClients
from tests.emulators import OFFLINE_AWS


def test_profile_that_does_not_exist_is_an_unavailable_storage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (OFFLINE_AWS | {"AWS_PROFILE": "nobody"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageUnavailableError, match="ProfileNotFound"):
        AwsClients().sqs()


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"AWS_PROFILE": "nobody"}, "AWS: ProfileNotFound"),
        ({"AWS_ENDPOINT_URL": "localhost:4566"}, "sqs: Invalid endpoint: localhost:4566"),
    ],
)
def test_wrong_setting_of_aws_needs_an_operator(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], text: str
) -> None:
    for name, value in (OFFLINE_AWS | setting).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageUnavailableError, match=text) as caught:
        AwsClients().sqs()
    assert caught.value.needs_operator


def test_service_that_gives_no_credentials_may_give_them_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CredentialRetrievalError(provider="container-role", error_msg="timeout")

    monkeypatch.setattr(Session, "client", fail)
    with pytest.raises(StorageUnavailableError, match="CredentialRetrievalError") as caught:
        AwsClients().dynamodb()
    assert not caught.value.needs_operator
