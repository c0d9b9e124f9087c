"""A SQLite file, and DynamoDB tables on each emulator, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.sqlite.database import SqliteDatabase
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "frontdesk.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    yield database
    database.close()


@pytest.fixture
def tables(aws: EmulatedAws) -> Tables:
    return Tables.create(aws)
