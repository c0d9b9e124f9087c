"""The queues on SQS fulfil the contract, and publish what SQS accepts."""

import time
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from application.ports.context_queue import SearchableQueue, VisibleQueue
from domain.context import Company
from domain.queues import ALL_QUEUES
from domain.routing import Route
from infrastructure.aws.sqs_queue import SqsContextQueue
from infrastructure.serialization.claim_check import CONVERSATION_RESERVE_BYTES, DEFAULT_LIMIT_BYTES
from infrastructure.serialization.context_json import context_to_json
from tests.contracts.context_queue import (
    AT_ONCE,
    REPLIES,
    CompetingConsumersContract,
    ContextQueue,
    ContextQueueContract,
    PassingTime,
    RealTime,
    a_context,
    request_ids,
)
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.sqs_queues import created


def raw_message(aws: EmulatedAws, url: str) -> Any:
    """A message as SQS delivers it, with all its attributes."""
    (message,) = aws.sqs.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    return message


class MotoTime(PassingTime):
    """The clock of moto's queues: the real time plus what a test adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._passed = 0.0
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", self._milliseconds)

    def advance(self, *, seconds: float) -> None:
        self._passed += seconds

    def _milliseconds(self) -> float:
        return (time.time() + self._passed) * 1000


class TestSqsContextQueueOnMinistack(CompetingConsumersContract, ContextQueueContract):
    @pytest.fixture
    def clock(self) -> PassingTime:
        return RealTime()

    @pytest.fixture
    def queue(self, ministack: EmulatedAws) -> ContextQueue:
        return SqsContextQueue(ministack.sqs, created(ministack), wait_seconds=0)


class TestSqsContextQueueOnMoto(ContextQueueContract):
    """Without concurrent consumers, because moto delivers a message to two at once."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> PassingTime:
        return MotoTime(monkeypatch)

    @pytest.fixture
    def queue(self, moto_aws: EmulatedAws) -> ContextQueue:
        return SqsContextQueue(moto_aws.sqs, created(moto_aws), wait_seconds=0)


class TestPublishedMessages:
    def test_standard_queue_receives_the_delay_in_whole_seconds(self, aws: EmulatedAws) -> None:
        urls = created(aws, DelaySeconds="900")
        queue = SqsContextQueue(aws.sqs, urls, wait_seconds=0)
        queue.publish(a_context("at once"), AT_ONCE)
        queue.publish(a_context("delayed"), Route(REPLIES, timedelta(milliseconds=100)))
        assert request_ids(queue.receive(REPLIES, 10)) == ["at once"]
        assert queue.depths()[ALL_QUEUES.index(REPLIES)].delayed == 1

    def test_message_body_is_the_context_without_attributes(self, aws: EmulatedAws) -> None:
        urls = created(aws)
        context = a_context()
        SqsContextQueue(aws.sqs, urls).publish(context, AT_ONCE)
        message = raw_message(aws, urls[REPLIES])
        assert message["Body"] == context_to_json(context)
        assert "MessageAttributes" not in message

    @pytest.mark.parametrize(
        ("company", "group"),
        [
            (Company("acme", None, None, "acme-credentials"), "acme"),
            (Company(None, None, None, "acme-credentials"), "acme-credentials"),
            (Company(None, None, None, None), None),
            (Company("Bücher GmbH", None, None, None), sha256("Bücher GmbH".encode()).hexdigest()),
            (Company("x" * 129, None, None, None), sha256(b"x" * 129).hexdigest()),
        ],
    )
    def test_message_group_is_the_tenant(
        self, aws: EmulatedAws, company: Company, group: str | None
    ) -> None:
        urls = created(aws)
        context = replace(a_context(), company=company)
        SqsContextQueue(aws.sqs, urls).publish(context, AT_ONCE)
        assert raw_message(aws, urls[REPLIES])["Attributes"].get("MessageGroupId") == group

    def test_largest_context_without_claim_check_fits_a_queue_of_256_kib(
        self, aws: EmulatedAws
    ) -> None:
        urls = created(aws, MaximumMessageSize="262144")
        queue = SqsContextQueue(aws.sqs, urls, wait_seconds=0)
        room = (
            DEFAULT_LIMIT_BYTES
            + CONVERSATION_RESERVE_BYTES
            - len(context_to_json(a_context(body="")).encode())
        )
        for body in ("ä" * (room // 2), "\uffff" * (room // 6)):
            queue.publish(a_context(body=body), AT_ONCE)
        bodies = [delivery.context.message.body for delivery in queue.receive(REPLIES, 10)]
        assert sorted(bodies) == sorted(("ä" * (room // 2), "\uffff" * (room // 6)))


def test_sqs_queue_neither_shows_finds_nor_erases_contexts(
    unreachable_aws: EmulatedAws,
) -> None:
    queue = SqsContextQueue(unreachable_aws.sqs, {})
    assert not isinstance(queue, SearchableQueue | VisibleQueue)
    assert queue.erasure_notice().startswith("contexts on SQS")
