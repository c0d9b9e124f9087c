"""What the document says about the context object is what the schema and the claim check say."""

import json
from typing import Any

import jsonschema
import pytest

from domain.messages import Attachment
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.serialization.claim_check import DEFAULT_LIMIT_BYTES, BlobClaimCheck
from infrastructure.serialization.context_json import message_to_json
from tests.builders import an_inbound_message
from tests.documentation.documents import blocks, cells, text_of

DOCUMENT = "docs/consuming.md"
SCHEMA: dict[str, Any] = json.loads(text_of("docs/context-object.schema.json"))


def keys_of(group: str) -> set[str]:
    """Every key that the published schema has in a group."""
    name = SCHEMA["properties"][group]["$ref"].rpartition("/")[2]
    return set(SCHEMA["$defs"][name]["properties"])


def test_document_lists_exactly_the_keys_of_the_schema() -> None:
    rows = [(group, key) for group, key, _ in cells(DOCUMENT, "## The context object")]
    rows += [
        ("`message`", row[0]) for row in cells(DOCUMENT, "And these beside them, in `message`:")
    ]
    listed = {(group.strip("`"), key.strip("`")) for group, key in rows}
    assert len(listed) == len(rows)
    assert listed == {(group, key) for group in SCHEMA["properties"] for key in keys_of(group)}


def test_keys_documented_as_always_present_are_required_by_the_schema() -> None:
    rows = cells(DOCUMENT, "## The context object")
    always = {key.strip("`") for group, key, _ in rows if group == "`message`"}
    assert always == set(SCHEMA["$defs"]["MessageJson"]["required"])


def test_example_of_the_document_is_valid_and_has_every_key() -> None:
    (block,) = blocks(DOCUMENT, "json")
    example = json.loads(block)
    jsonschema.validate(example, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert {group: set(example[group]) for group in example} == {
        group: keys_of(group) for group in SCHEMA["properties"]
    }


PARTS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "the body": ("body", {"body": "x" * 5000}, "x" * 5000),
    "the metadata": ("metadata", {"metadata": {"a": "x" * 5000}}, {"a": "x" * 5000}),
    "the list of attachments": (
        "attachments",
        {"attachments": tuple(Attachment("image/png", url="u" * 300) for _ in range(20))},
        20,
    ),
    "the subject": ("subject", {"subject": "x" * 5000}, "x" * 5000),
}


def test_document_names_the_limit_of_the_claim_check() -> None:
    assert f"at most {DEFAULT_LIMIT_BYTES // 1024} KiB" in text_of(DOCUMENT)


def test_stored_parts_are_listed_in_the_order_of_the_table() -> None:
    rows = cells(DOCUMENT, "## Large contexts")
    assert [row[0] for row in rows] == list(PARTS)


@pytest.mark.parametrize("row", cells(DOCUMENT, "## Large contexts"))
def test_part_too_large_for_the_queue_is_found_where_the_table_says(row: list[str]) -> None:
    part, _, place, _ = row
    key, fields, expected = PARTS[part]
    blobs = MemoryBlobStore()
    short = BlobClaimCheck(blobs, limit_bytes=2500).store(an_inbound_message(**fields))
    found = json.loads(message_to_json(short))
    left = found[key]
    for step in place.strip("`").split("."):
        found = found[step]
    content = blobs.get(found).decode()
    if isinstance(expected, str):
        assert content == expected
        assert left == expected[:1024]
    elif isinstance(expected, int):
        assert len(json.loads(content)) == expected
        assert left == []
    else:
        assert json.loads(content).items() >= expected.items()
        assert left == {}
