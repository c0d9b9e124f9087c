"""Erasing a person from every place of storage, on every backend."""

from collections.abc import Callable

import pytest

from application.ports.context_queue import ContextPublisher, SearchableQueue
from application.ports.spool import SearchableSpool
from application.ports.unsearchable import Unsearchable
from application.privacy.erase_person import ErasureReport
from domain.context import ContextObject
from domain.routing import Route
from entrypoints.composition.container import Container
from tests.changed_units import use_ports, use_separate_steps
from tests.contracts.diagnosed_refusals import wait_for_diagnoses
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk, on_aws_too
from tests.end_to_end.person_data import CHANNELS, Person, found
from tests.end_to_end.responses import SMS

pytestmark = on_aws_too


class InterruptedPublisher(ContextPublisher):
    """Calls ``meanwhile`` before it publishes."""

    queue: ContextPublisher
    meanwhile: Callable[[], object]

    def publish(self, context: ContextObject, route: Route) -> None:
        self.meanwhile()
        self.queue.publish(context, route)


def erase(frontdesk: RunningFrontDesk, person: Person) -> ErasureReport:
    report: ErasureReport = frontdesk.container.operations().erase_person()(
        person.addresses, lambda _: None
    )
    return report


@pytest.fixture
def zora() -> Person:
    return Person("zoraquill", "+14155557311")


@pytest.fixture
def odo() -> Person:
    return Person("odobrandt", "+14155557322")


@pytest.fixture
def frontdesk_with_data(frontdesk: RunningFrontDesk, zora: Person, odo: Person) -> RunningFrontDesk:
    """A front desk that has data of both persons."""
    zora.leave_data(frontdesk)
    odo.leave_data(frontdesk)
    return frontdesk


@pytest.mark.usefixtures("diagnoses")
def test_erasure_leaves_no_data_of_the_person(
    frontdesk_with_data: RunningFrontDesk, zora: Person
) -> None:
    wait_for_diagnoses()
    assert any(refusal.diagnosis for refusal in frontdesk_with_data.container.refusals().latest())
    assert found(frontdesk_with_data, zora) == zora.seeds
    report = erase(frontdesk_with_data, zora)
    assert found(frontdesk_with_data, zora) == []
    assert (report.messages, report.imported_entries, len(report.conversations)) == (9, 3, 3)
    assert report.dead_letters == 1
    assert report.spooled == isinstance(frontdesk_with_data.container.spool(), SearchableSpool)
    assert report.files >= 2
    assert report.failed == []


def test_erasure_report_names_what_frontdesk_cannot_delete(
    frontdesk_with_data: RunningFrontDesk, zora: Person
) -> None:
    report = erase(frontdesk_with_data, zora)
    assert set(report.provider_files) == {f"https://media.example/{zora.name}.png"}
    not_reached = " ".join(report.not_reached)
    container = frontdesk_with_data.container
    assert ("contexts on SQS" in not_reached) == isinstance(container.context_queue(), Unsearchable)
    assert ("the spool on SQS, about 0" in not_reached) == isinstance(
        container.spool(), Unsearchable
    )


def test_erasure_leaves_the_data_of_another_person_unchanged(
    frontdesk_with_data: RunningFrontDesk, zora: Person, odo: Person
) -> None:
    container = frontdesk_with_data.container

    def of_odo() -> list[object]:
        conversations = [
            conversation
            for address in odo.addresses
            for conversation in container.stores().retention.find_all_conversations(
                address.channel, [address.value]
            )
        ]
        histories = [container.message_store().history(c.key) for c in conversations]
        unmatched = [m for m in frontdesk_with_data.unmatched() if m.sender in odo.addresses]
        return [conversations, histories, unmatched]

    before = of_odo()
    erase(frontdesk_with_data, zora)
    assert of_odo() == before
    assert len(frontdesk_with_data.dead_letters()) == 1
    if isinstance(container.spool(), SearchableSpool):
        assert container.spool().depth().entries == 1
    assert found(frontdesk_with_data, odo) == odo.seeds


def test_second_erasure_finds_nothing_to_erase(
    frontdesk_with_data: RunningFrontDesk, zora: Person
) -> None:
    erase(frontdesk_with_data, zora)
    again = erase(frontdesk_with_data, zora)
    assert (again.messages, again.files, again.conversations) == (0, 0, [])
    assert again.dead_letters == again.spooled == 0


@pytest.mark.parametrize("unknown_sender", ["fallback", "open"])
def test_erased_message_sent_again_is_a_duplicate_and_stores_no_data(
    serve: Serve, unknown_sender: str, zora: Person
) -> None:
    frontdesk = serve({"UNKNOWN_SENDER": unknown_sender})
    frontdesk.container.provider_accounts()
    for channel in CHANNELS:
        zora.leave_data_on(frontdesk, channel)
    erase(frontdesk, zora)
    frontdesk.contexts()  # On AWS they are still stored. Received here, they are hidden later.
    for webhook in list(zora.sent):
        assert frontdesk.post(webhook).status == 200
    assert frontdesk.counted("Duplicates") == len(zora.sent)
    assert found(frontdesk, zora) == []
    assert frontdesk.contexts() == {}


def test_message_erased_while_it_is_published_leaves_no_data(serve: Serve, zora: Person) -> None:
    publisher = InterruptedPublisher()

    def interrupt(container: Container) -> None:
        publisher.queue = container.context_queue()
        # In one transaction with the record, nothing can come between.
        use_separate_steps(container)
        use_ports(container, publisher=publisher)

    frontdesk = serve(prepare=interrupt)
    publisher.meanwhile = lambda: erase(frontdesk, zora)
    frontdesk.given_conversation(SMS, sender_id=zora.number)
    assert frontdesk.post(zora.webhook(frontdesk, SMS, body=f"{zora.name} " * 60_000)).status == 200
    if isinstance(frontdesk.container.context_queue(), SearchableQueue):
        assert frontdesk.contexts() == {}
    publisher.meanwhile = lambda: None
    # The log of an embedded database may still hold data that was stored for a moment.
    erase(frontdesk, zora)
    assert found(frontdesk, zora) == []


def test_erased_person_can_write_again(frontdesk_with_data: RunningFrontDesk, zora: Person) -> None:
    erase(frontdesk_with_data, zora)
    conversation = frontdesk_with_data.given_conversation(SMS, sender_id=zora.number)
    assert (
        frontdesk_with_data.post(frontdesk_with_data.webhook(SMS, sender=zora.number)).status == 200
    )
    history = frontdesk_with_data.container.message_store().history(conversation.key)
    assert [message.content for message in history] == ["Is my order on its way?"]
