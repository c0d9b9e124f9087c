"""The contract of ``WebhookParser``."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ports.webhook_parser import ParsedMessage, WebhookParser, WebhookRequest
from domain.errors import PayloadTooLargeError, UnreadableMessageError, ValidationError

quick = settings(max_examples=100, deadline=None)


class WebhookParserTests:
    """A parser, and webhooks that it verifies. A channel overrides the first four members.

    ``webhook`` has messages, and needs every header of ``security_headers`` to be verified.
    ``other_webhook`` is authentic too, and has other messages.
    """

    security_headers: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def parser(self) -> WebhookParser:
        raise NotImplementedError("a channel provides it")

    @pytest.fixture
    def webhook(self) -> WebhookRequest:
        raise NotImplementedError("a channel provides it")

    @pytest.fixture
    def other_webhook(self) -> WebhookRequest:
        raise NotImplementedError("a channel provides it")

    @pytest.fixture
    def messages(self, parser: WebhookParser, webhook: WebhookRequest) -> tuple[ParsedMessage, ...]:
        """The messages of ``webhook``."""
        return parser.parse(parser.validate(webhook))


def with_header(request: WebhookRequest, name: str, *values: str) -> WebhookRequest:
    """``request`` with these values of a header, and no other."""
    retained = tuple(pair for pair in request.headers if pair[0] != name)
    return replace(request, headers=retained + tuple((name, value) for value in values))


def refusal(parser: WebhookParser, request: WebhookRequest) -> str:
    """The message of the error with which the parser refuses ``request``."""
    with pytest.raises(ValidationError) as caught:
        parser.validate(request)
    return str(caught.value)


class VerificationContract(WebhookParserTests):
    """A webhook that cannot be verified is refused."""

    def test_verified_webhook_has_an_account(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        assert parser.validate(webhook).account

    def test_webhook_with_a_missing_empty_wrong_or_repeated_security_header_is_refused(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        assert self.security_headers
        for name in self.security_headers:
            value = str(webhook.header(name))
            for values in ((), ("",), ("x",), (value[:-1],), (value, value), (value, "x")):
                refusal(parser, with_header(webhook, name, *values))

    def test_refusal_does_not_show_the_expected_security_header(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        for name in self.security_headers:
            message = refusal(parser, with_header(webhook, name, "wrong"))
            assert str(webhook.header(name)) not in message

    def test_webhook_with_a_changed_byte_is_refused_or_has_the_same_messages(
        self,
        parser: WebhookParser,
        webhook: WebhookRequest,
        messages: tuple[ParsedMessage, ...],
    ) -> None:
        @quick
        @given(st.integers(0, len(webhook.body) - 1), st.integers(1, 255))
        def holds(position: int, change: int) -> None:
            body = bytearray(webhook.body)
            body[position] ^= change
            changed = replace(webhook, body=bytes(body))
            # A form may write one text in two ways: %2b equals %2B.
            with contextlib.suppress(ValidationError):
                verified = parser.validate(changed)
                assert parser.parse(verified) == messages
                assert verified.id == parser.validate(webhook).id

        holds()

    def test_repeated_delivery_of_a_webhook_has_the_same_id(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        again = replace(
            webhook,
            headers=tuple(reversed(webhook.headers)),
            received_at=webhook.received_at + timedelta(hours=1),
        )
        assert parser.validate(again).id == parser.validate(webhook).id

    def test_webhook_read_back_from_a_store_has_the_same_messages(
        self, parser: WebhookParser, webhook: WebhookRequest, messages: tuple[ParsedMessage, ...]
    ) -> None:
        retained = replace(parser.validate(webhook).without_authorization(), decoded=None)
        assert parser.parse(retained) == messages

    def test_webhook_with_another_message_has_another_id(
        self, parser: WebhookParser, webhook: WebhookRequest, other_webhook: WebhookRequest
    ) -> None:
        verified, other = parser.validate(webhook), parser.validate(other_webhook)
        assert other.account == verified.account
        assert other.id != verified.id

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda body: b"", id="nothing is left"),
            pytest.param(lambda body: body[:-1], id="the last byte is missing"),
            pytest.param(lambda body: body + b"x", id="a byte more"),
            pytest.param(lambda body: body * 2, id="twice"),
        ],
    )
    def test_webhook_with_another_body_is_refused(
        self, parser: WebhookParser, webhook: WebhookRequest, change: Callable[[bytes], bytes]
    ) -> None:
        refusal(parser, replace(webhook, body=change(webhook.body)))

    def test_arbitrary_requests_are_refused_and_raise_no_other_error(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        names = st.sampled_from([*self.security_headers, "content-type", "authorization"])
        headers = st.lists(st.tuples(names, st.text(max_size=40))).map(tuple)

        @quick
        @given(url=st.text(max_size=40), headers=headers, body=st.binary(max_size=200))
        def holds(url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
            with pytest.raises((ValidationError, PayloadTooLargeError)):
                parser.validate(replace(webhook, url=url, headers=headers, body=body))

        holds()


class ParsingContract(WebhookParserTests):
    """A verified webhook is parsed or reported as unreadable."""

    def test_parsed_messages_have_the_account_of_the_verified_webhook(
        self,
        parser: WebhookParser,
        webhook: WebhookRequest,
        messages: tuple[ParsedMessage, ...],
    ) -> None:
        assert {one.message.account for one in messages} == {parser.validate(webhook).account}

    def test_parsed_messages_were_received_when_their_webhook_was(
        self, webhook: WebhookRequest, messages: tuple[ParsedMessage, ...]
    ) -> None:
        assert {one.message.received_at for one in messages} == {webhook.received_at}

    def test_later_delivery_of_a_webhook_has_the_same_request_ids(
        self,
        parser: WebhookParser,
        webhook: WebhookRequest,
        messages: tuple[ParsedMessage, ...],
    ) -> None:
        later = replace(webhook, received_at=webhook.received_at + timedelta(hours=1))
        again = parser.parse(parser.validate(later))
        keys = [one.message.request_id for one in messages]
        assert [one.message.request_id for one in again] == keys
        assert len(set(keys)) == len(keys)

    def test_sender_and_recipient_of_each_message_can_be_looked_up(
        self, messages: tuple[ParsedMessage, ...]
    ) -> None:
        for message in (one.message for one in messages):
            assert message.look_up_values
            assert message.recipient.address in message.recipient.keys

    def test_metadata_of_each_message_is_json(self, messages: tuple[ParsedMessage, ...]) -> None:
        for one in messages:
            text = json.dumps(one.message.metadata, allow_nan=False)
            assert json.loads(text) == one.message.metadata

    def test_sha256_of_each_attachment_is_that_of_its_content(
        self, messages: tuple[ParsedMessage, ...]
    ) -> None:
        files = [file for one in messages for file in one.files]
        hashes = [hashlib.sha256(file.content).hexdigest() for file in files]
        assert [file.attachment.sha256 for file in files] == hashes

    def test_arbitrary_bytes_are_parsed_or_reported_as_unreadable(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        verified = parser.validate(webhook)

        @quick
        @given(st.binary(max_size=200), st.integers(0, len(webhook.body)))
        def holds(some: bytes, position: int) -> None:
            spliced = webhook.body[:position] + some + webhook.body[position + len(some) :]
            for body in (some, spliced):
                with contextlib.suppress(UnreadableMessageError):
                    request = replace(webhook, body=body)
                    assert parser.parse(replace(verified, request=request, decoded=None))

        holds()


class ResponseContract(WebhookParserTests):
    """The provider receives the same response every time."""

    def test_response_to_the_provider_is_a_200_with_the_same_bytes_each_time(
        self, parser: WebhookParser, messages: tuple[ParsedMessage, ...]
    ) -> None:
        response = parser.respond()
        assert messages
        assert response.status == 200
        assert response == parser.respond()

    def test_webhook_is_within_the_body_limit_of_its_parser(
        self, parser: WebhookParser, webhook: WebhookRequest
    ) -> None:
        assert parser.max_body_bytes >= len(webhook.body)


class WebhookParserContract(VerificationContract, ParsingContract, ResponseContract):
    """The whole contract."""
