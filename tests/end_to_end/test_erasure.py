"""Somebody asks to be erased: afterwards nothing of them is found anywhere, by any means."""

from collections.abc import Callable

import pytest

from application.ports.context_queue import ContextPublisher
from application.privacy.erase_person import ErasureReport
from domain.context import ContextObject
from domain.routing import Route
from entrypoints.composition.container import Container
from tests.end_to_end.answers import SMS
from tests.end_to_end.conftest import Serve
from tests.end_to_end.desk import Desk, on_aws_too
from tests.end_to_end.people import CHANNELS, Person, found

pytestmark = on_aws_too


class InterruptedPublisher(ContextPublisher):
    """Publishes after ``meanwhile`` something has happened."""

    queue: ContextPublisher
    meanwhile: Callable[[], object]

    def publish(self, context: ContextObject, route: Route) -> None:
        self.meanwhile()
        self.queue.publish(context, route)


def erase(desk: Desk, person: Person) -> ErasureReport:
    report: ErasureReport = desk.container.erase_person()(person.addresses, lambda _: None)
    return report


@pytest.fixture
def zora() -> Person:
    return Person("zoraquill", "+14155557311")


@pytest.fixture
def odo() -> Person:
    return Person("odobrandt", "+14155557322")


@pytest.fixture
def visited(desk: Desk, zora: Person, odo: Person) -> Desk:
    """A desk where both have been."""
    zora.leaves_traces(desk)
    odo.leaves_traces(desk)
    return desk


def test_erasure_leaves_no_data_of_the_person(visited: Desk, zora: Person) -> None:
    assert found(visited, zora) == zora.seeds
    report = erase(visited, zora)
    assert found(visited, zora) == []
    assert (report.messages, report.imported_entries, len(report.conversations)) == (9, 3, 3)
    assert report.dead_letters == 1
    assert report.spooled == visited.container.spool().can_erase
    assert report.files >= 2
    assert report.failed == []


def test_erasure_report_names_what_frontdesk_cannot_delete(visited: Desk, zora: Person) -> None:
    report = erase(visited, zora)
    assert set(report.provider_files) == {f"https://media.example/{zora.name}.png"}
    told = " ".join(report.not_reached)
    container = visited.container
    assert ("contexts on SQS" in told) == (not container.context_queue().can_erase)
    assert ("the spool on SQS, about 0" in told) == (not container.spool().can_erase)


def test_erasure_leaves_the_data_of_another_person_unchanged(
    visited: Desk, zora: Person, odo: Person
) -> None:
    container = visited.container

    def of_odo() -> list[object]:
        conversations = [
            conversation
            for address in odo.addresses
            for conversation in container.stores().retention.find_all_conversations(
                address.channel, [address.value]
            )
        ]
        histories = [container.message_store().history(c.key) for c in conversations]
        unmatched = [m for m in visited.unmatched() if m.sender in odo.addresses]
        return [conversations, histories, unmatched]

    before = of_odo()
    erase(visited, zora)
    assert of_odo() == before
    assert len(visited.dead_letters()) == 1
    if container.spool().can_erase:
        assert container.spool().depth().entries == 1
    assert found(visited, odo) == odo.seeds


def test_second_erasure_finds_nothing_to_erase(visited: Desk, zora: Person) -> None:
    erase(visited, zora)
    again = erase(visited, zora)
    assert (again.messages, again.files, again.conversations) == (0, 0, [])
    assert again.dead_letters == again.spooled == 0


@pytest.mark.parametrize("unknown_sender", ["fallback", "open"])
def test_erased_message_sent_again_is_a_duplicate_and_stores_no_data(
    serve: Serve, unknown_sender: str, zora: Person
) -> None:
    desk = serve({"UNKNOWN_SENDER": unknown_sender})
    desk.container.provider_accounts()
    for channel in CHANNELS:
        zora.leaves_traces_on(desk, channel)
    erase(desk, zora)
    desk.contexts()  # On AWS they are still there: taken, and so not seen again.
    for webhook in list(zora.sent):
        assert desk.post(webhook).status == 200
    assert desk.counted("Duplicates") == len(zora.sent)
    assert found(desk, zora) == []
    assert desk.contexts() == {}


def test_message_erased_while_it_is_published_leaves_no_data(serve: Serve, zora: Person) -> None:
    publisher = InterruptedPublisher()

    def interrupt(container: Container) -> None:
        publisher.queue = container.context_queue()
        container.route_message.add_kwargs(publisher=publisher)

    desk = serve(prepare=interrupt)
    publisher.meanwhile = lambda: erase(desk, zora)
    desk.open(SMS, sender_id=zora.number)
    assert desk.post(zora.webhook(desk, SMS, body=f"{zora.name} " * 60_000)).status == 200
    if desk.container.context_queue().can_erase:
        assert desk.contexts() == {}
    publisher.meanwhile = lambda: None
    # The log of an embedded database may hold what was there for a moment.
    erase(desk, zora)
    assert found(desk, zora) == []


def test_erased_person_can_write_again(visited: Desk, zora: Person) -> None:
    erase(visited, zora)
    conversation = visited.open(SMS, sender_id=zora.number)
    assert visited.post(visited.webhook(SMS, sender=zora.number)).status == 200
    history = visited.container.message_store().history(conversation.key)
    assert [message.content for message in history] == ["Is my order on its way?"]
