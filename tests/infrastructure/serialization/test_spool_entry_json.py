"""Spool entries as JSON: every webhook is read back, and other documents are refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ports.spool import SpoolEntry
from infrastructure.serialization.webhook_json import (
    entry_from_json,
    entry_to_json,
    old_entry_from_json,
)
from tests.contracts.spool import REQUEST, an_entry

texts = st.text(st.characters(), max_size=20)


@settings(max_examples=100, deadline=None)
@given(
    url=texts,
    account=st.text(max_size=20),
    headers=st.lists(st.tuples(texts, texts), max_size=5).map(tuple),
    body=st.binary(max_size=200),
)
def test_written_spool_entry_is_read_back_unchanged(
    url: str, account: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    request = replace(REQUEST, url=url, headers=headers, body=body)
    entry = an_entry(account=account, request=request, reason=url)
    assert entry_from_json(entry_to_json(entry)) == entry


def test_written_spool_entry_is_ascii() -> None:
    request = replace(REQUEST, headers=(("x", "ü\uffff🚚"),), body=bytes(range(256)))
    assert entry_to_json(an_entry(request=request)).isascii()


@pytest.mark.parametrize("name", ["", "../a", "a.b", "a b", "a/b", "ä", "a\n", "a" * 65])
@pytest.mark.parametrize("field", ["entry_id", "group"])
def test_spool_entry_with_an_id_or_group_in_another_form_is_refused(name: str, field: str) -> None:
    changes: dict[str, Any] = {field: name}
    with pytest.raises(ValueError, match="1 to 64 letters"):
        an_entry("a1", **changes)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ({}, "the old form of a spool entry, of an unreleased version"),
        ({"version": 2}, "a spool entry of another version"),
    ],
)
def test_spool_entry_of_another_version_is_refused_with_the_reason(
    version: dict[str, int], problem: str
) -> None:
    content = json.loads(entry_to_json(an_entry()))
    del content["version"]
    with pytest.raises(ValueError, match=problem):
        entry_from_json(json.dumps(content | version))


def test_spool_entry_reference_without_a_reader_is_refused() -> None:
    text = entry_to_json(an_entry(), request_reference="file:///etc/passwd")
    with pytest.raises(ValueError, match="not a spool entry"):
        entry_from_json(text)


def old_form(entry: SpoolEntry) -> dict[str, Any]:
    """What an unreleased version wrote."""
    content = json.loads(entry_to_json(entry))
    del content["version"]
    webhook = content.pop("webhook")
    return {**content, "account": webhook["account"], "request": webhook["request"]}


def test_an_entry_of_an_unreleased_version_is_read_to_become_a_dead_letter() -> None:
    entry = an_entry()
    read = old_entry_from_json(json.dumps(old_form(entry)), no_reference)
    assert read == replace(entry, webhook=replace(entry.webhook, id=entry.entry_id))


def test_so_is_one_whose_request_lies_elsewhere() -> None:
    entry, content = an_entry(), old_form(an_entry())
    stored = {"memory:spool/a1": json.dumps(content.pop("request")).encode()}
    content["request_reference"] = "memory:spool/a1"
    read = old_entry_from_json(json.dumps(content), stored.__getitem__)
    assert read is not None
    assert read.webhook.request == entry.webhook.request


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{}", '{"request": {"url": "https://a.example/x"}}']
)
def test_nothing_else_is_read_as_one(text: str) -> None:
    assert old_entry_from_json(text, no_reference) is None
    assert old_entry_from_json(entry_to_json(an_entry()), no_reference) is None


def no_reference(reference: str) -> bytes:
    raise ValueError(reference)
