"""The page of a conversation tells what its customer wrote that no conversation takes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.companies import ACME, given_conversation_with
from tests.end_to_end.responses import EMAIL, SMS
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.shared_desk import UNKNOWN, shared_desk
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received
from tests.entrypoints.http.console.browsing import Visit, pressed, shown, visit


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path, FALLBACK_MAX_PER_HOUR="0") as api:
        yield api


@pytest.fixture
def visitor(local: Api) -> Visit:
    return visit(local)


def test_closed_conversation_is_opened_again_for_what_waits(local: Api, visitor: Visit) -> None:
    path, _ = opened(local)
    local.call("PUT", f"{path}/status", {"conversation_status": "closed"})
    place = path.removeprefix("/v1")
    assert "unmatched." not in visitor.text(place)
    received(local)
    received(local, sender="+14155550188")
    page = visitor.get(place)
    assert "Closed: new messages do not come here. 1 waits unmatched. See it" in shown(page)
    assert "appears here by itself" not in shown(page)
    answer = pressed(visitor.api, page.data.decode(), "/reopen", "Reopen it and deliver")
    assert "The conversation is open again. 1 message is delivered." in shown(answer)
    assert "unmatched." not in visitor.text(place)


def test_message_to_another_recipient_is_told(local: Api, visitor: Visit) -> None:
    path, _ = opened(local, recipient="+15005550007")
    for _ in range(2):
        received(local)
    page = visitor.get(path.removeprefix("/v1"))
    assert "2 messages of this customer to +15005550006 wait unmatched. See them" in shown(page)
    assert b"/deliver" not in page.data


def test_message_from_before_the_conversation_is_delivered(local: Api, visitor: Visit) -> None:
    received(local)
    path, _ = opened(local)
    page = visitor.get(path.removeprefix("/v1")).data.decode()
    assert "1 message is delivered." in shown(pressed(visitor.api, page, "/deliver", "Deliver"))
    assert not local.frontdesk.unmatched()
    assert CUSTOMER in page


def test_company_is_told_of_its_own_alone(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, _):
        given_conversation_with(whole.frontdesk, ACME, EMAIL, sender_id="eve@example.com")
        given_conversation_with(whole.frontdesk, ACME, SMS, sender_id=UNKNOWN)
        place = f"/conversations/sms/acme-{SMS}"
        assert visit(acme.api).text(place).count("1 message of this customer") == 1
        assert visit(whole).text(place).count("1 message of this customer") == 2
        other = visit(acme.api).text(f"/conversations/email/acme-{EMAIL}")
        assert "of this customer to" in other
        assert "unmatched." not in other
