"""The simulator in a real browser: a message is sent on each channel, and watched on its way."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from application.ports.context_queue import DelayedReader
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from entrypoints.operations.background_jobs import drain_some
from entrypoints.simulation.demo import open_demo
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.console.browsers import Visitor
from tests.end_to_end.broken_databases import renamed


@pytest.fixture(autouse=True)
def demo(visitor: Visitor) -> None:
    """A server as ``make run`` starts it."""
    keep_development_credentials(visitor.desk.frontdesk.data_dir)
    open_demo(visitor.desk.container.open_conversation())


def send(page: Page) -> None:
    page.get_by_role("button", name="Send the webhook").click()


def test_message_appears_in_its_conversation_and_moves_without_reloading(
    visitor: Visitor, tmp_path: Path
) -> None:
    threads = {channel: thread_of(visitor, channel) for channel in ChannelType}
    for channel in ChannelType:
        page = visitor.open(f"/simulator?channel={channel}")
        page.get_by_label("Text", exact=True).fill("Where is the blue lamp?")
        if channel is ChannelType.EMAIL:
            attach(visitor, tmp_path)
        send(page)
        expect(page.locator("#outcome")).to_contain_text("200 OK")
        follow(visitor, channel)
    for thread in threads.values():
        expect(thread.get_by_text("Where is the blue lamp?").first).to_be_visible()
    expect(threads[ChannelType.EMAIL].get_by_text("größe.txt")).to_be_visible()


def thread_of(visitor: Visitor, channel: ChannelType) -> Page:
    """The conversation in a window of its own."""
    [conversation] = visitor.desk.get("/v1/conversations", channel=channel)["items"]
    path = f"/conversations/{channel}/{conversation['conversation_id']}"
    thread = visitor.page.context.new_page()
    thread.goto(visitor.desk.frontdesk.origin + path)
    return thread


def attach(visitor: Visitor, folder: Path) -> None:
    """Two files, after one that is too large: that is told before it is sent."""
    page = visitor.page
    large, files = folder / "large.bin", [folder / "order.txt", folder / "größe.txt"]
    large.write_bytes(b"x" * (6 * 1024 * 1024 + 1))
    for file in files:
        file.write_text("42")
    received = visitor.desk.frontdesk.counted("WebhooksReceived")
    page.get_by_text("More on Email").click()
    page.get_by_label("Files").set_input_files(large)
    send(page)
    message = page.get_by_label("Files").evaluate("one => one.validationMessage")
    assert message == "All files together may have 6 MB."
    assert visitor.desk.frontdesk.counted("WebhooksReceived") == received
    page.get_by_label("Files").set_input_files(files)


def follow(visitor: Visitor, channel: ChannelType) -> None:
    """A consumer takes the message, and the page shows it by itself."""
    latest = visitor.page.get_by_role("article", name="The latest message")
    expect(latest).to_contain_text("Queued for the AI")
    expect(latest.locator(".badge").first).to_have_text("delayed")
    queue = visitor.desk.container.context_queue()
    assert isinstance(queue, DelayedReader)
    [delivery] = queue.receive_with_delayed(QueueName(channel, QueueKind.REPLIES), 10)
    assert delivery.context.message.body.strip() == "Where is the blue lamp?"
    expect(latest.locator(".badge").first).to_have_text("taken")
    expect(visitor.page.locator("#outcome")).to_contain_text("200 OK")


def test_store_stops_and_recovers_before_the_eyes_of_a_visitor(visitor: Visitor) -> None:
    page = visitor.open("/simulator?channel=sms")
    badge = page.get_by_role("article", name="The latest message").locator(".badge").first
    with renamed(visitor.desk.frontdesk.data_dir / "frontdesk.db", "conversations"):
        send(page)
        expect(badge).to_have_text("spooled")
    drain_some(visitor.desk.container)
    expect(badge).to_have_text("delayed")


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
    path = page.url.removeprefix(visitor.desk.frontdesk.origin)
    visitor.look(path)
    expect(page.locator(".travel details")).to_have_count(19)
