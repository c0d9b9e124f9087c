"""Dead letters, unmatched messages and queues in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from application.ports.dead_letters import DeadLetterKind
from tests.console.browsers import Visitor
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.steered import received
from tests.entrypoints.http.console.browsing import HOSTILE
from tests.entrypoints.http.console.stored import given_mail, stored

ANA = "ana@example.com"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data", UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


def press(page: Page, name: str) -> None:
    """Go to a button by the keyboard alone, and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.innerText")
        if focused == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no button {name!r} was reached with the Tab key")


def test_dead_letter_is_read_and_redriven(visitor: Visitor) -> None:
    desk, page = visitor.desk, visitor.page
    desk.frontdesk.given_conversation(EMAIL, sender_id=ANA, recipient_id="help@example.com")
    given_mail(desk, body="Is it on its way?")
    stored(desk, f"Body={HOSTILE}".encode(), reason=HOSTILE)
    visitor.look("/dead-letters")
    page.get_by_role("link", name="The author of this mail").click()
    expect(page.get_by_role("heading", name="How it reads today")).to_be_visible()
    visitor.check_accessible()
    press(page, "Redrive")
    expect(page.get_by_role("status")).to_contain_text("The message is on email-handoff")
    expect(page).to_have_url(f"{desk.frontdesk.origin}/dead-letters")
    expect(page.get_by_text(ANA)).to_have_count(0)
    assert [*desk.frontdesk.contexts()] == ["email-handoff"]


def test_dead_letter_is_deleted_only_if_that_is_confirmed(visitor: Visitor) -> None:
    desk, page = visitor.desk, visitor.page
    visitor.expected.append("409")
    found = stored(desk, f"Body={HOSTILE}&{HOSTILE}=1".encode(), reason=HOSTILE)
    visitor.look(f"/dead-letters/{found}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    press(page, "Delete")
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    assert len(desk.frontdesk.dead_letters()) == 1
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("The dead letter is deleted.")
    expect(page).to_have_url(f"{desk.frontdesk.origin}/dead-letters")
    assert desk.frontdesk.dead_letters() == ()
    found = stored(desk)
    visitor.open(f"/dead-letters/{found}")
    desk.container.dead_letters().delete(found)
    page.get_by_role("button", name="Redrive").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was done.")


def test_damaged_dead_letter_and_a_mistyped_address_have_pages(visitor: Visitor) -> None:
    desk, page = visitor.desk, visitor.page
    stored(desk)
    (file,) = (desk.frontdesk.data_dir / "dead-letters").glob("*.json")
    file.write_text("{")
    visitor.open("/dead-letters")
    page.get_by_role("link", name=file.name).click()
    expect(page.get_by_role("heading", name="It cannot be read")).to_be_visible()
    visitor.check_accessible()
    visitor.expected.append("404")
    visitor.open("/dead-leters")
    expect(page.get_by_text("There is no page at this address.")).to_be_visible()
    visitor.check_accessible()
    page.get_by_role("link", name="Dead letters").click()
    expect(page.get_by_role("heading", name="Cannot be read")).to_be_visible()


def test_page_of_dead_letters_is_redriven_at_once(visitor: Visitor) -> None:
    page = visitor.page
    for number in (1, 2):
        stored(visitor.desk, b"Body=x", number=number, kind=DeadLetterKind.BUG)
    visitor.open("/dead-letters?kind=bug")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Redrive these 2").click()
    expect(page.get_by_role("status")).to_contain_text("2 failed again and stayed.")
    visitor.check_accessible()


def test_conversation_is_opened_for_an_unmatched_sender_and_gets_the_message(
    visitor: Visitor,
) -> None:
    desk, page = visitor.desk, visitor.page
    visitor.open("/unmatched")
    visitor.check_accessible()
    received(desk, body="Are you open today?")
    expect(page.get_by_text("Are you open today?")).to_be_visible()
    received(
        desk,
        EMAIL,
        sender="eve@example.com",
        recipient="help@example.com",
        subject=HOSTILE,
        body=HOSTILE,
    )
    visitor.look("/unmatched")
    page.get_by_role("link", name="For a company").first.click()
    page.get_by_label("Company name").fill("Acme")
    visitor.check_accessible()
    press(page, "Open a conversation and deliver")
    expect(page.get_by_role("status")).to_contain_text("1 message is delivered.")
    expect(page).to_have_url(f"{desk.frontdesk.origin}/unmatched")
    expect(page.get_by_text("Are you open today?")).to_have_count(0)
    visitor.look("/queues")
    page.get_by_role("link", name="sms-replies").click()
    expect(page.get_by_text("Are you open today?")).to_be_visible()
    visitor.look("/queues/sms-replies")


def test_refusals_and_checks_are_explained(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/refusals")
    urls = "http://desk.example.com/webhooks/sms"
    visitor.desk.container.refusals().add(None, "", "path_unknown", "")
    expect(page.get_by_role("heading", name="Path unknown")).to_be_visible()
    for account in ("AC" + "7" * 32, HOSTILE):
        visitor.desk.container.refusals().add(EMAIL, account, "signature_mismatch", urls)
    visitor.look("/refusals")
    visitor.look("/checks")
    expect(page.get_by_text("the development secret is in use")).to_be_visible()
    page.get_by_role("link", name="Check again").click()
    expect(page.get_by_text("The same as")).to_be_visible()
