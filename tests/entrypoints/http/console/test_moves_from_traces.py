"""A message that waits on the wrong queue is moved from its trace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.queues import QueueName
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api, given_token, running, running_locally
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import page, pressed, shown, signed_in, text_of

MESSAGE = "SM" + "1" * 32


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path) as api:
        yield api


def trace(browser: Api) -> str:
    return page(browser, f"/trace?subject={MESSAGE}")


def test_message_is_moved_from_its_trace(desk: Api) -> None:
    path, _ = opened(desk)
    desk.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True})
    received(desk, message_id=MESSAGE)
    browser = signed_in(desk)
    html = trace(browser)
    desk.call("PUT", f"{path}/hand-off", {"hand_off_to_human": False})
    answer = pressed(browser, html, "/queues/sms-handoff/move", "Move to sms-replies")
    assert answer.status == 200
    text = shown(answer)
    assert "Moved to sms-replies. See what waits on sms-replies Trace this message" in text
    assert "Either nothing came, or consumers have acknowledged all of it, or it was moved." in text
    assert answer.headers["hx-replace-url"] == "/queues/sms-handoff"
    text = text_of(trace(browser))
    assert "moved it from sms-handoff" in text
    assert "Queued for a human moved on" in text
    assert "Attempt" not in text
    again = pressed(browser, html, "/queues/sms-handoff/move", "Move to sms-replies")
    assert again.status == 409


def test_message_that_a_consumer_has_is_not_moved_from_its_trace(desk: Api) -> None:
    path, _ = opened(desk)
    desk.call("PUT", f"{path}/hand-off", {"hand_off_to_human": True})
    received(desk, message_id=MESSAGE)
    desk.container.context_queue().receive(QueueName.parse("sms-handoff"), 1)
    assert "Move to sms-replies" not in trace(signed_in(desk))


def test_who_may_not_move_a_message_sees_the_commands(tmp_path: Path) -> None:
    tokens = {scope: given_token(scope, [scope]) for scope in Scope}
    lines = "\n".join(one.line for one in tokens.values())
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": lines}) as api:
        api.frontdesk.given_conversation(SMS, hand_off_to_human=True)
        received(api, message_id=MESSAGE)
        html = trace(signed_in(api.with_token(tokens[Scope.READ].text)))
    assert "Move to sms-replies</button>" not in html
    assert "frontdesk queues move sms-handoff RECEIPT replies" in text_of(html)
    assert "'queues read' shows its RECEIPT" in text_of(html)
