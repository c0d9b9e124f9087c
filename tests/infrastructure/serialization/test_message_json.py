"""Messages as a store keeps them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.conversations import Direction, Message
from domain.messages import Attachment, InboundMessage, Recipient
from infrastructure.serialization.context_json import (
    inbound_from_json,
    inbound_to_json,
    messages_from_json,
    messages_to_json,
)
from tests.builders import NOW, an_inbound_message
from tests.infrastructure.serialization.json_strategies import (
    attachments,
    metadata,
    moments,
    optional_texts,
    texts,
)

INBOUND: TypeAdapter[InboundMessage] = TypeAdapter(InboundMessage)
HISTORY: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])

channels = st.sampled_from(ChannelType)
addresses = st.builds(Address, channels, st.sampled_from(AddressKind), texts)
inbound_messages = st.builds(
    InboundMessage,
    channel=channels,
    account=texts,
    provider_message_id=texts,
    sender=addresses,
    sender_verbatim=texts,
    identities=st.lists(addresses, max_size=2).map(tuple),
    recipient=st.builds(Recipient, texts, texts, st.lists(texts, max_size=2).map(tuple)),
    body=texts,
    received_at=moments,
    subject=optional_texts,
    attachments=st.lists(attachments, max_size=2).map(tuple),
    metadata=metadata,
    thread_references=st.lists(texts, max_size=2).map(tuple),
    author_authenticated=st.booleans(),
    opt_out_type=optional_texts,
    mail=st.none(),
    content_hash=optional_texts,
    has_reused_id=st.booleans(),
)
entries = st.builds(
    Message,
    message_id=texts,
    direction=st.sampled_from(Direction),
    content=texts,
    timestamp=moments,
    channel_type=channels,
    metadata=metadata,
)


def without_times(value: Any) -> Any:
    """``value`` without the times, for pydantic leaves out a fraction that is zero."""
    if isinstance(value, list):
        return [without_times(one) for one in value]
    return {name: one for name, one in value.items() if name not in ("received_at", "timestamp")}


@given(inbound_messages)
def test_written_message_is_read_back_unchanged(message: InboundMessage) -> None:
    assert inbound_from_json(inbound_to_json(message), message.body) == message


@given(inbound_messages)
def test_written_message_has_every_attribute_as_pydantic_writes_it(message: InboundMessage) -> None:
    by_pydantic = INBOUND.dump_json(replace(message, body=""))
    written = json.loads(inbound_to_json(message))
    assert list(written) == list(json.loads(by_pydantic))
    assert without_times(written) == without_times(json.loads(by_pydantic))


@given(inbound_messages)
def test_message_is_read_as_pydantic_wrote_it_before(message: InboundMessage) -> None:
    by_pydantic = INBOUND.dump_json(replace(message, body="")).decode()
    assert inbound_from_json(by_pydantic, message.body) == message


def test_message_is_read_without_what_it_may_lack_and_with_keys_of_later_versions() -> None:
    message = an_inbound_message(attachments=(Attachment("image/png"),))
    stored = json.loads(inbound_to_json(message))
    lean = {name: value for name, value in stored.items() if value not in (None, {}, False)}
    lean |= {"attachments": [{"content_type": "image/png", "added": 1}], "added": "later"}
    assert inbound_from_json(json.dumps(lean), message.body) == message


@given(st.lists(entries, max_size=3).map(tuple))
def test_written_history_is_read_back_unchanged(messages: tuple[Message, ...]) -> None:
    assert messages_from_json(messages_to_json(messages)) == messages


@given(st.lists(entries, max_size=3).map(tuple))
def test_written_history_has_every_attribute_as_pydantic_writes_it(
    messages: tuple[Message, ...],
) -> None:
    by_pydantic = HISTORY.dump_json(messages)
    written = json.loads(messages_to_json(messages))
    assert without_times(written) == without_times(json.loads(by_pydantic))
    assert messages_from_json(by_pydantic.decode()) == messages


def test_message_with_a_text_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        inbound_to_json(an_inbound_message(subject="\ud800"))
    entry = Message("1", Direction.INBOUND, "\ud800", NOW, ChannelType.SMS)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        messages_to_json([entry])
