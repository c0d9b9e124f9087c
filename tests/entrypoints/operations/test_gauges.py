"""What waits is read at a scrape, within limits."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from dependency_injector import providers

from application.ports.metrics import Reading
from domain.errors import StorageUnavailableError
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.gauges import FRESH_SECONDS, MOST, Gauges, gauge_sources
from infrastructure.prometheus.metric_names import GAUGES
from infrastructure.sqlite.database import SqliteDatabase
from tests.builders import KEY
from tests.contracts.context_queue import AT_ONCE, DELAYED, REPLIES, ManualClock, a_context
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.message_lists import numbered
from tests.contracts.spool import an_entry
from tests.emulators import EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings

Values = dict[tuple[str, ...], float]


def values(gauges: Gauges) -> Values:
    """What a scrape reads: each value by its name and its dimensions."""
    return {(one.name, *one.dimensions.values()): one.value for one in gauges()}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
def container(tmp_path: Path, statements: list[str], clock: ManualClock) -> Iterator[Container]:
    """Embedded storage."""
    container = build_container({"DATA_DIR": str(tmp_path)})
    database = SqliteDatabase(tmp_path / "frontdesk.db", on_statement=statements.append)
    container.database.override(providers.Object(database))
    container.clock.override(providers.Object(clock))
    yield container
    database.close()


def test_empty_frontdesk_has_nothing_that_waits(container: Container) -> None:
    read = values(Gauges(gauge_sources(container)))
    (version,) = [key for key in read if key[0] == "build_info"]
    assert read.pop(version) == 1
    assert {name for name, *_ in read} | {"build_info"} == GAUGES.keys()
    assert set(read.values()) == {0}
    assert ("queue_contexts", "email-handoff", "taken") in read
    assert {key[1] for key in read if key[0] == "scrape_errors"} == {
        *("build", "queues", "store", "spool", "dead_letters")
    }


def test_gauges_say_what_waits_and_for_how_long(container: Container, clock: ManualClock) -> None:
    for number, key in enumerate((KEY, None, None)):
        container.stores().messages.record(numbered(number, key))
    for request_id, route in (("a", AT_ONCE), ("b", AT_ONCE), ("c", DELAYED)):
        container.context_queue().publish(a_context(request_id), route)
    container.context_queue().receive(REPLIES, 1, visibility=timedelta(hours=1))
    container.spool().enqueue(an_entry("a1"))
    container.dead_letters().store(a_dead_letter())
    clock.advance(seconds=10)
    read = values(Gauges(gauge_sources(container)))
    read = {key: value for key, value in read.items() if value and key[0] != "build_info"}
    assert read == {
        ("queue_contexts", "sms-replies", "ready"): 1,
        ("queue_contexts", "sms-replies", "delayed"): 1,
        ("queue_contexts", "sms-replies", "taken"): 1,
        ("queue_oldest_seconds", "sms-replies"): 10,
        ("queue_held_seconds", "sms-replies"): 3590,
        ("pending_messages",): 1,
        ("pending_oldest_seconds",): 10,
        ("unmatched_messages",): 2,
        ("spool_entries",): 1,
        ("spool_oldest_seconds",): 9,
        ("stored_dead_letters",): 1,
    }


def test_scrape_costs_two_statements_and_the_next_ones_none(
    container: Container, statements: list[str]
) -> None:
    container.stores().backlog, container.context_queue()
    gauges = Gauges(gauge_sources(container))
    statements.clear()
    first = gauges()
    assert [statement.split()[0] for statement in statements] == ["SELECT", "SELECT"]
    assert [gauges() for _ in range(100)] == [first] * 100
    assert len(statements) == 2


def test_numbers_are_counted_to_a_limit(container: Container) -> None:
    asked: list[int] = []
    container.dead_letters.override(providers.Object(type("Many", (), {"count": asked.append})))
    Gauges({"dead_letters": gauge_sources(container)["dead_letters"]})()
    assert asked == [MOST]


def test_gauges_on_aws_are_all_but_the_ages_that_sqs_does_not_tell(
    ministack: EmulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ministack.environ.items():
        monkeypatch.setenv(name, value)
    secrets = {"TWILIO_ACCOUNT_SID": "AC" + "7" * 32, "TWILIO_AUTH_TOKEN": "a-token-of-nobody"}
    container = build_container({**aws_settings(ministack), **secrets})
    container.stores().messages.record(numbered(1))
    container.context_queue().publish(a_context(), AT_ONCE)
    read = values(Gauges(gauge_sources(container), wait_seconds=30))
    assert {value for key, value in read.items() if key[0] == "scrape_errors"} == {0}
    assert read["pending_messages",] == 1
    assert read["queue_contexts", "sms-replies", "ready"] == 1
    assert ("queue_oldest_seconds", "sms-replies") not in read
    assert read["queue_oldest_seconds", "sms-handoff"] == 0
    assert read["stored_dead_letters",] == 0
    container.shutdown_resources()


class Source:
    """Gives a new number at each reading, or fails; ``clock`` passes ``takes`` seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.takes = 0.0
        self.number = 0.0
        self.error: Exception | None = None

    def read(self) -> Iterator[Reading]:
        self.now += self.takes
        self.number += 1
        if self.error:
            raise self.error
        yield Reading("spool_entries", self.number)

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def gauges(source: Source) -> Gauges:
    return Gauges({"spool": source.read}, monotonic=source.monotonic)


def test_reading_is_given_again_for_five_seconds(source: Source, gauges: Gauges) -> None:
    assert values(gauges) == {("spool_entries",): 1, ("scrape_errors", "spool"): 0}
    source.now += FRESH_SECONDS - 0.1
    assert values(gauges)["spool_entries",] == 1
    source.now += 0.1
    assert values(gauges)["spool_entries",] == 2


def test_reading_that_takes_long_is_done_seldom(source: Source, gauges: Gauges) -> None:
    source.takes = 3.0
    gauges()
    source.now += 59
    assert values(gauges)["spool_entries",] == 1
    source.now += 1
    assert values(gauges)["spool_entries",] == 2


def test_source_that_fails_is_left_out_and_named(
    source: Source, gauges: Gauges, caplog: pytest.LogCaptureFixture
) -> None:
    source.error = StorageUnavailableError("no answer")
    with caplog.at_level(logging.WARNING, "entrypoints.operations.gauges"):
        for _ in range(3):
            assert values(gauges) == {("scrape_errors", "spool"): 1}
            source.now += FRESH_SECONDS
    assert [record.message for record in caplog.records] == ["gauges cannot be read"]
    source.error = None
    assert values(gauges) == {("spool_entries",): 4, ("scrape_errors", "spool"): 0}


def test_source_that_does_not_answer_is_left_out_and_asked_once(source: Source) -> None:
    answers, begun = Event(), 0

    def hang() -> Iterator[Reading]:
        nonlocal begun
        begun += 1
        assert answers.wait(30)
        yield Reading("pending_messages", 3)

    gauges = Gauges(
        {"store": hang, "spool": source.read}, monotonic=source.monotonic, wait_seconds=0.05
    )
    for _ in range(3):
        read = values(gauges)
        assert (read["scrape_errors", "store"], read["scrape_errors", "spool"]) == (1, 0)
        assert read["spool_entries",] == 1
        assert ("pending_messages",) not in read
    answers.set()
    while ("pending_messages",) not in (read := values(gauges)):
        assert read["scrape_errors", "store"] == 1
    assert (read["pending_messages",], begun) == (3, 1)
