"""Every page with something on it, at three widths and in both colour schemes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browsers import Visitor, visiting
from tests.console.staged import shop
from tests.entrypoints.http.api.clients import Api


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, str]]]:
    with shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


@pytest.fixture(scope="module")
def guest(browser: Browser, shop: tuple[Api, dict[str, str]]) -> Iterator[Visitor]:
    with visiting(browser, shop[0]) as visitor:
        yield visitor


MOST_BYTES = 150_000
"""Of a page with all that it loads, before any compression: for phones in a cellar."""

WEIGHED = """async () => {
    const loaded = performance.getEntriesByType("resource").map(entry => entry.decodedBodySize);
    const [page] = performance.getEntriesByType("navigation");
    return [page.decodedBodySize, ...loaded].reduce((sum, size) => sum + size, 0);
}"""


def weight_of(page: Page) -> int:
    """The bytes of a page as it is opened."""
    page.reload(wait_until="networkidle")
    weight: int = page.evaluate(WEIGHED)
    assert weight > 10_000
    return weight


NAMES = (
    *("overview", "conversations", "thread", "trace", "unmatched", "dead-letters", "dead-letter"),
    *("queues", "refusals", "checks", "signature", "simulator"),
)


@pytest.mark.parametrize("name", NAMES)
def test_page_is_in_order_at_every_size(
    guest: Visitor, shop: tuple[Api, dict[str, str]], name: str
) -> None:
    guest.look(shop[1][name])
    assert weight_of(guest.page) < MOST_BYTES
    expect(guest.page.get_by_role("heading", level=1)).to_be_visible()


def test_present_page_is_in_view_in_the_row_of_pages_on_a_phone(guest: Visitor) -> None:
    guest.page.set_viewport_size({"width": 390, "height": 844})
    page = guest.open("/checks")
    present = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Checks")
    expect(present).to_be_in_viewport(ratio=1)


def test_person_signs_out_and_in_again(browser: Browser, shop: tuple[Api, dict[str, str]]) -> None:
    desk, paths = shop
    with visiting(browser, desk) as visitor:
        page = visitor.open(paths["unmatched"])
        page.get_by_role("button", name="Sign out").press("Enter")
        expect(page.get_by_label("Access token")).to_be_focused()
        visitor.check_accessible()
        visitor.open(paths["thread"])
        expect(page.get_by_label("Access token")).to_be_focused()
        page.keyboard.insert_text(desk.headers["authorization"].partition(" ")[2])
        page.keyboard.press("Enter")
        expect(page).to_have_url(desk.frontdesk.origin + paths["thread"])
