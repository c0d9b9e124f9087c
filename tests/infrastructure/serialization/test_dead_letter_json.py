"""Dead letters as JSON documents."""

import json

import pytest

from infrastructure.serialization.dead_letter_json import dead_letter_from_json, dead_letter_to_json
from tests.contracts.dead_letters import a_dead_letter


def test_a_dead_letter_of_before_there_were_messages_is_still_read() -> None:
    content = json.loads(dead_letter_to_json(a_dead_letter()))
    assert sorted(content) == [
        *("account", "attempts", "created_at", "dead_letter_id", "kind", "reason", "request")
    ]
    assert dead_letter_from_json(json.dumps(content).encode(), "unreadable-1") == a_dead_letter()


def test_a_dead_letter_of_a_message_has_no_request() -> None:
    content = json.loads(dead_letter_to_json(a_dead_letter(request=None, request_id="0" * 64)))
    assert content["request_id"] == "0" * 64
    assert "request" not in content


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b'{"dead_letter_id": "bug-1"}'])
def test_what_is_no_dead_letter_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the text is
        dead_letter_from_json(text, "unreadable-1")
