"""DynamoDB tables on each emulator, for the tests of this folder."""

import pytest

from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables


@pytest.fixture
def tables(aws: EmulatedAws) -> Tables:
    return Tables.create(aws)
