"""A client that cannot be created is reported as an error of the domain."""

import pytest

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
