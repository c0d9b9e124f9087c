"""Dead letters as JSON documents."""

import json

import pytest

from infrastructure.serialization.webhook_json import dead_letter_from_json, dead_letter_to_json
from tests.contracts.dead_letters import a_dead_letter


def test_written_dead_letter_has_its_version() -> None:
    content = json.loads(dead_letter_to_json(a_dead_letter()))
    assert sorted(content) == [
        *("attempts", "created_at", "dead_letter_id", "kind", "reason", "version", "webhook")
    ]
    assert dead_letter_from_json(json.dumps(content).encode(), "unreadable-1") == a_dead_letter()


def test_written_dead_letter_of_a_message_has_no_webhook() -> None:
    content = json.loads(dead_letter_to_json(a_dead_letter(request=None, request_id="0" * 64)))
    assert content["request_id"] == "0" * 64
    assert "webhook" not in content


def test_dead_letter_of_the_old_form_is_refused_with_the_reason() -> None:
    content = json.loads(dead_letter_to_json(a_dead_letter()))
    del content["version"]
    problem = "the old form of a dead letter, of an unreleased version"
    with pytest.raises(ValueError, match=problem):
        dead_letter_from_json(json.dumps(content).encode(), "unreadable-1")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b'{"dead_letter_id": "bug-1"}'])
def test_text_that_is_not_a_dead_letter_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the text is
        dead_letter_from_json(text, "unreadable-1")
