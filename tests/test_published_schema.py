"""What the documentation publishes is what the code does."""

import json
from pathlib import Path

from infrastructure.serialization.context_json import context_schema

PUBLISHED = Path(__file__).parents[1] / "docs" / "context-object.schema.json"


def test_the_published_schema_is_the_codes() -> None:
    assert json.loads(PUBLISHED.read_text()) == context_schema()
