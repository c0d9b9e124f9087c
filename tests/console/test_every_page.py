"""Every page with something on it, at three widths and in both colour schemes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browsers import Visitor, visiting
from tests.console.staged import SETTINGS, stage
from tests.entrypoints.http.api.clients import Api, running_locally


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, str]]]:
    with running_locally(tmp_path_factory.mktemp("shop"), **SETTINGS) as desk:
        yield desk, stage(desk)


@pytest.fixture(scope="module")
def guest(browser: Browser, shop: tuple[Api, dict[str, str]]) -> Iterator[Visitor]:
    with visiting(browser, shop[0]) as visitor:
        yield visitor


NAMES = (
    *("overview", "conversations", "thread", "trace", "unmatched", "dead-letters", "dead-letter"),
    *("queues", "refusals", "checks", "signature", "simulator"),
)


@pytest.mark.parametrize("name", NAMES)
def test_page_is_in_order_at_every_size(
    guest: Visitor, shop: tuple[Api, dict[str, str]], name: str
) -> None:
    guest.look(shop[1][name])
    expect(guest.page.get_by_role("heading", level=1)).to_be_visible()


def test_person_signs_out_and_in_again(browser: Browser, shop: tuple[Api, dict[str, str]]) -> None:
    desk, paths = shop
    with visiting(browser, desk) as visitor:
        page = visitor.open(paths["unmatched"])
        page.get_by_role("button", name="Sign out").press("Enter")
        expect(page.get_by_label("Access token")).to_be_focused()
        visitor.check_accessible()
        visitor.open(paths["thread"])
        page.keyboard.insert_text(desk.headers["authorization"].partition(" ")[2])
        page.keyboard.press("Enter")
        expect(page).to_have_url(desk.frontdesk.origin + paths["thread"])
