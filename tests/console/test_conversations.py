"""Conversations in a real browser."""

from playwright.sync_api import expect

from tests.console.browsers import Visitor
from tests.entrypoints.http.api.steered import CUSTOMER, opened


def test_empty_list_says_what_to_type(visitor: Visitor) -> None:
    visitor.look("/conversations")
    expect(visitor.page.get_by_text("frontdesk conversations open")).to_be_visible()


def test_new_conversation_appears_without_reloading(visitor: Visitor) -> None:
    page = visitor.open("/conversations")
    opened(visitor.desk)
    expect(page.get_by_role("link", name=CUSTOMER)).to_be_visible()
    visitor.look("/conversations")
