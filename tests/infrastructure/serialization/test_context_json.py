"""The context object as JSON."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from domain.channels import ChannelType
from domain.context import Company, ContextObject, ConversationContext, MessageContext
from infrastructure.serialization.context_json import (
    context_from_json,
    context_schema,
    context_to_json,
)
from infrastructure.serialization.context_model import ContextJson
from tests.builders import NOW, a_conversation, a_record, a_tenant
from tests.infrastructure.serialization.json_strategies import (
    attachments,
    metadata,
    moments,
    optional_texts,
    texts,
)

REQUIRED_KEYS = {
    "meta": {"request_id", "publication", "channel_type", "timestamp", "version"},
    "conversation": {
        *("conversation_id", "primary_channel", "conversation_status"),
        *("hand_off_to_human", "thread_id"),
    },
    "message": {"from", "to", "body", "message_id", "timestamp"},
    "company": {"company_id", "project_id", "company_name", "credentials_reference"},
    "processing": {
        *("validation_status", "ai_response", "sent_response", "processing_timestamps"),
    },
}
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")

contexts = st.builds(
    ContextObject,
    request_id=st.uuids().map(str),
    publication=st.integers(1, 2**53),
    channel_type=st.sampled_from(ChannelType),
    created_at=moments,
    conversation=st.builds(
        ConversationContext,
        conversation_id=texts,
        primary_channel=st.sampled_from(ChannelType),
        conversation_status=texts,
        hand_off_to_human=st.booleans(),
        thread_id=optional_texts,
    ),
    message=st.builds(
        MessageContext,
        sender=texts,
        recipient=texts,
        body=texts,
        message_id=texts,
        timestamp=moments,
        subject=optional_texts,
        attachments=st.lists(attachments, max_size=2).map(tuple),
        metadata=metadata,
        body_truncated=st.booleans(),
        body_reference=optional_texts,
        metadata_reference=optional_texts,
    ),
    company=st.builds(Company, optional_texts, optional_texts, optional_texts, optional_texts),
    received_at=moments,
    validated_at=moments,
    queued_at=moments,
)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(context_schema())
    return Draft202012Validator(context_schema())


def written(context: ContextObject) -> Any:
    """The context as a consumer reads it."""
    return json.loads(context_to_json(context))


def ordered(text: str) -> Any:
    """What ``text`` says, with the order of the keys."""
    return json.loads(text, object_pairs_hook=list)


def a_context() -> ContextObject:
    return ContextObject.of(a_record(), a_conversation(), a_tenant(), NOW)


@given(contexts)
def test_written_context_is_read_back_unchanged(context: ContextObject) -> None:
    assert context_from_json(context_to_json(context)) == context
    assert context_from_json(context_to_json(context).encode()) == context


@given(contexts)
def test_written_context_matches_the_schema_and_has_every_required_key(
    validator: Draft202012Validator, context: ContextObject
) -> None:
    context_json = written(context)
    validator.validate(context_json)
    assert set(context_json) == set(REQUIRED_KEYS)
    for group, keys in REQUIRED_KEYS.items():
        assert keys <= set(context_json[group])


@given(contexts)
def test_written_context_is_what_its_model_writes(context: ContextObject) -> None:
    """The model describes what is written: the same keys in the same order, the same values."""
    text = context_to_json(context)
    by_model = ContextJson.model_validate_json(text).model_dump_json(by_alias=True)
    assert ordered(text) == ordered(by_model)


def test_context_with_a_text_that_is_not_unicode_is_not_written() -> None:
    context = replace(a_context(), message=replace(a_context().message, body="\ud800"))
    with pytest.raises(ValueError, match="surrogates not allowed"):
        context_to_json(context)


def test_context_without_a_publication_is_the_first_one() -> None:
    context_json = written(a_context())
    del context_json["meta"]["publication"]
    assert context_from_json(json.dumps(context_json)) == a_context()


@given(contexts)
def test_every_written_time_has_six_digits_and_a_z(context: ContextObject) -> None:
    context_json = written(context)
    timestamps = context_json["processing"]["processing_timestamps"]
    assert set(timestamps) == {"received", "validated", "queued"}
    times = [
        context_json["meta"]["timestamp"],
        context_json["message"]["timestamp"],
        *timestamps.values(),
    ]
    assert all(TIME.fullmatch(time) for time in times)


def test_written_context_has_the_documented_form() -> None:
    time = "2026-03-04T12:00:00.250000Z"
    assert written(a_context()) == {
        "meta": {
            "request_id": a_record().request_id,
            "publication": 1,
            "channel_type": "sms",
            "timestamp": time,
            "version": "1.0",
        },
        "conversation": {
            "conversation_id": "conversation-1",
            "primary_channel": "sms",
            "conversation_status": "active",
            "hand_off_to_human": False,
            "thread_id": None,
        },
        "message": {
            "from": "+14155550123",
            "to": "+15005550006",
            "body": "Is my order on its way?",
            "message_id": "SM00000000000000000000000000000001",
            "timestamp": time,
            "subject": None,
            "attachments": [],
            "metadata": {"sender": "+14155550123", "recipient": "+15005550006"},
            "body_truncated": False,
            "body_reference": None,
            "metadata_reference": None,
        },
        "company": {
            "company_id": "acme",
            "project_id": "support",
            "company_name": "Acme",
            "credentials_reference": "acme-credentials",
        },
        "processing": {
            "validation_status": "valid",
            "ai_response": None,
            "sent_response": None,
            "processing_timestamps": {"received": time, "validated": time, "queued": time},
        },
    }


def test_written_context_has_no_character_that_xml_forbids() -> None:
    odd = "\u0000\x1f\ufffe\uffff"
    context = replace(a_context(), message=replace(a_context().message, body=odd, subject=odd))
    text = context_to_json(context)
    assert not any(character < " " or character in "\ufffe\uffff" for character in text)
    assert context_from_json(text) == context


def test_unknown_keys_of_a_context_are_ignored(validator: Draft202012Validator) -> None:
    context_json = written(a_context())
    context_json["added"] = {"later": 1}
    for group in REQUIRED_KEYS:
        context_json[group]["added"] = "later"
    validator.validate(context_json)
    assert context_from_json(json.dumps(context_json)) == a_context()


@pytest.mark.parametrize(
    ("group", "key"),
    [(group, key) for group in REQUIRED_KEYS for key in sorted(REQUIRED_KEYS[group])],
)
def test_schema_requires_every_required_key(
    validator: Draft202012Validator, group: str, key: str
) -> None:
    context_json = written(a_context())
    del context_json[group][key]
    assert not validator.is_valid(context_json)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"meta": {"version": "2.0"}}'])
def test_text_that_is_not_a_context_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        context_from_json(text)
