"""A message travels while a person looks, and the person needs no mouse."""

from playwright.sync_api import expect

from application.ports.context_queue import DelayedReader
from domain.queues import QueueName
from tests.console.browsers import Visitor
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received

MESSAGE = "SM" + "1" * 32


def test_message_that_comes_is_taken_and_acknowledged_moves_along(visitor: Visitor) -> None:
    opened(visitor.desk)
    visitor.expected.append("404")
    page = visitor.page
    page.keyboard.press("Tab")  # to the content
    page.keyboard.press("Tab")  # the name of the product
    page.keyboard.press("Tab")
    page.keyboard.insert_text(MESSAGE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing is known")).to_be_visible()
    page.evaluate("window.notReloaded = true")

    received(visitor.desk, SMS, message_id=MESSAGE)
    here = page.locator(".way .here")
    expect(here).to_have_attribute("data-stop", "waiting")
    expect(page.locator(".steps li").last).to_contain_text("It is here")

    queue = visitor.desk.container.context_queue()
    assert isinstance(queue, DelayedReader)
    [delivery] = queue.receive_with_delayed(QueueName.parse("sms-replies"), 1)
    expect(here).to_have_attribute("data-stop", "taken")
    queue.acknowledge(delivery.queue, delivery.receipt)
    expect(here).to_have_attribute("data-stop", "acknowledged")
    assert page.evaluate("window.notReloaded")
    visitor.check_accessible()


def test_cards_of_a_customer_open_by_keyboard_and_stay_open(visitor: Visitor) -> None:
    opened(visitor.desk)
    for number in "12":
        received(visitor.desk, SMS, message_id="SM" + number * 32)
    page = visitor.open(f"/trace?subject=%2B{CUSTOMER[1:]}")
    first, second = page.locator("details").all()
    second.locator("summary").press("Enter")
    first.locator("summary").press("Enter")
    received(visitor.desk, SMS, message_id="SM" + "3" * 32)
    expect(page.locator("details")).to_have_count(3)
    states = page.locator("details").evaluate_all("all => all.map(one => one.open)")
    assert states == [True, False, True]
    visitor.check_accessible()
