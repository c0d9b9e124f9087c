"""A person pastes a capture, reads why it is refused, and needs no mouse."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browsers import Visitor, visiting
from tests.entrypoints.cli.signatures.captures import PUBLIC, TOKEN, curl, sms
from tests.entrypoints.http.api.clients import running_locally


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """At a desk with a provider's secrets."""
    with running_locally(tmp_path / "data", **PUBLIC) as desk, visiting(browser, desk) as visitor:
        yield visitor


def test_person_finds_out_why_a_signature_is_refused(visitor: Visitor) -> None:
    page = visitor.open("/signature")
    sent = sms("https://hooks.acme.example/api/webhooks/sms").at("http://127.0.0.1:1/webhooks/sms")
    page.get_by_label("The captured request").focus()
    page.keyboard.insert_text(curl(sent).decode())
    page.get_by_text("More that helps").press("Enter")
    page.get_by_label("Token, key").focus()
    page.keyboard.insert_text(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_contain_text("explained")
    expect(page.locator(".shell code")).to_have_text(
        "PUBLIC_BASE_URL=https://hooks.acme.example/api"
    )
    expect(page.get_by_label("The captured request")).to_have_value(curl(sent).decode())
    assert TOKEN not in page.content()
    visitor.check_accessible()


def test_too_large_capture_is_refused_with_the_way_back(visitor: Visitor, tmp_path: Path) -> None:
    visitor.expected.append("413")
    large = tmp_path / "capture"
    large.write_bytes(b" " * 3_000_000)
    page = visitor.open("/signature")
    page.get_by_label("or a file").set_input_files(large)
    page.get_by_role("button", name="Find out").click()
    page.get_by_role("link", name="Back to the form").click()
    expect(page.get_by_label("The captured request")).to_be_visible()
