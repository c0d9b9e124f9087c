"""What the page of a conversation says of the messages to come, and of those that wait."""

from collections.abc import Iterator

import pytest

from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import page, pressed, signed_in, text_of


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.fixture(scope="module")
def session(api: Api) -> Api:
    return signed_in(api)


def conversation(api: Api, sender: str, **changes: object) -> str:
    """The path of the page of a new conversation."""
    return opened(api, sender=sender, **changes)[0].removeprefix("/v1")


def test_hand_off_says_what_becomes_of_messages_that_wait(api: Api, session: Api) -> None:
    sender = "+14155550101"
    path = conversation(api, sender, hand_off_to_human=True)
    received(api, sender=sender)
    answer = pressed(session, page(session, path), "/hand-off", "AI").data.decode()
    assert "What waits on sms-handoff already stays there" in answer
    assert 'href="/queues/sms-handoff"' in answer
    assert 'class="notice info"' in answer
    assert [*api.frontdesk.contexts()] == ["sms-handoff"]
    answer = pressed(session, answer, "/hand-off", "Human").data.decode()
    assert "What waits on sms-replies already stays there" in answer


def test_page_and_list_name_the_recipient_whose_messages_join(api: Api, session: Api) -> None:
    path = conversation(api, "+14155550102", recipient="+15005550007")
    text = text_of(page(session, path))
    assert "The next message of this customer to +15005550007 appears here by itself." in text
    assert "Messages of this customer to +15005550007 join it." in text
    assert "+14155550102 to +15005550007" in text_of(page(session, "/conversations"))


def test_conversation_without_a_recipient_takes_every_message(api: Api, session: Api) -> None:
    text = text_of(page(session, conversation(api, "+14155550103", recipient=None)))
    assert "Messages of this customer join it." in text
