"""What the tests of Twilio's files share."""

import pytest

from tests.infrastructure.channels.https_server import Authority, make_authority
from tests.infrastructure.channels.twilio.internet import Internet


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("authority")
    return make_authority(directory, "api.twilio.com", "media.example.com")


@pytest.fixture
def internet(authority: Authority) -> Internet:
    return Internet(authority)
