"""The simulator in a real browser: a message is sent on each channel, and watched on its way."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from entrypoints.simulation.demo import open_demo
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.console.browsers import Visitor


@pytest.fixture(autouse=True)
def demo(visitor: Visitor) -> None:
    """A server as ``make run`` starts it."""
    keep_development_credentials(visitor.desk.frontdesk.data_dir)
    open_demo(visitor.desk.container.open_conversation())


def send(page: Page) -> None:
    page.get_by_role("button", name="Send the webhook").click()


@pytest.mark.parametrize("channel", list(ChannelType))
def test_message_appears_in_its_conversation_and_moves_without_reloading(
    visitor: Visitor, channel: ChannelType, tmp_path: Path
) -> None:
    desk = visitor.desk
    (conversation,) = desk.get("/v1/conversations", channel=channel)["items"]
    thread = visitor.page.context.new_page()
    thread.goto(
        f"{desk.frontdesk.origin}/conversations/{channel}/{conversation['conversation_id']}"
    )
    page = visitor.open(f"/simulator?channel={channel}")
    page.get_by_label("Text", exact=True).fill("Where is the blue lamp?")
    if channel is ChannelType.EMAIL:
        files = [tmp_path / "order.txt", tmp_path / "größe.txt"]
        for file in files:
            file.write_text("42")
        page.get_by_text("More on Email").click()
        page.get_by_label("Files").set_input_files(files)
    send(page)
    expect(page.locator("#outcome")).to_contain_text("200 OK")
    expect(thread.get_by_text("Where is the blue lamp?")).to_be_visible()
    if channel is ChannelType.EMAIL:
        expect(thread.get_by_text("größe.txt")).to_be_visible()
    thread.close()
    latest = page.get_by_role("article", name="The latest message")
    expect(latest).to_contain_text("Queued for the AI")
    [delivery] = desk.container.context_queue().receive_with_delayed(
        QueueName(channel, QueueKind.REPLIES), 10
    )
    expect(latest.locator(".badge").first).to_have_text("taken")
    expect(page.locator("#outcome")).to_contain_text("200 OK")
    assert delivery.context.message.body.strip() == "Where is the blue lamp?"


def test_everything_is_done_by_keyboard_and_focus_is_not_lost(visitor: Visitor) -> None:
    visitor.expected.append("422")
    page, keyboard = visitor.open("/simulator?channel=whatsapp"), visitor.page.keyboard
    page.get_by_label("From").focus()
    keyboard.press("Control+A")
    keyboard.type("nobody at all")
    keyboard.press("Enter")
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("From")).to_be_focused()
    expect(page.get_by_label("From")).to_have_value("nobody at all")
    visitor.check_accessible()
    keyboard.press("Control+A")
    keyboard.type("+14155550123")
    for _ in range(3):  # To, Text, and what opens more
        keyboard.press("Tab")
    keyboard.press("Enter")
    for _ in range(3):  # a picture, a button, a place
        keyboard.press("Tab")
    expect(page.get_by_label("Location")).to_be_focused()
    keyboard.type("52.52,13.40,Berlin")
    for _ in range(2):
        keyboard.press("Tab")
    keyboard.press("ArrowDown")  # two times
    expect(page.get_by_label("How many")).to_be_hidden()
    for _ in range(3):
        keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send the webhook")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("same, byte for byte")
    expect(page.get_by_role("status")).to_contain_text("2 webhooks were sent: 200 OK")
    expect(page.get_by_role("button", name="Send the webhook")).to_be_focused()
    keyboard.press("Shift+Tab")
    keyboard.press("Space")
    keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Nothing of it is stored")


def test_many_at_once_are_followed_at_an_address_of_their_own(visitor: Visitor) -> None:
    page = visitor.open("/simulator?channel=sms&example=unknown-sender")
    page.get_by_label("Send it").select_option("many")
    page.get_by_label("How many").fill("100")
    send(page)
    expect(page.locator("#outcome")).to_contain_text("100 ×")
    expect(page.locator(".travel details")).to_have_count(19)
    page.locator(".travel summary").first.click()
    expect(page.locator(".travel details").first).to_contain_text("has no open conversation")
    expect(page).to_have_url(re.compile(r"/simulator\?channel=sms&sent=SM"))
    visitor.check_accessible()
    path = page.url.removeprefix(visitor.desk.frontdesk.origin)
    visitor.look(path)
    expect(page.locator(".travel details")).to_have_count(19)


def test_file_that_is_too_large_is_told_before_it_is_sent(visitor: Visitor, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"x" * (6 * 1024 * 1024 + 1))
    page = visitor.open("/simulator?channel=email")
    page.get_by_text("More on Email").click()
    page.get_by_label("Files").set_input_files(large)
    send(page)
    message = page.get_by_label("Files").evaluate("one => one.validationMessage")
    assert message == "All files together may have 6 MB."
    assert visitor.desk.frontdesk.counted("WebhooksReceived") == 0
    page.get_by_label("Files").set_input_files([])
    send(page)
    expect(page.locator("#outcome")).to_contain_text("200 OK")
