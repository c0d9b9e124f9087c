"""The overview in a real browser: figures and plots that follow what happens."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dependency_injector import providers
from playwright.sync_api import Browser, Page, expect

from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from entrypoints.composition.container import build_container, count_for_prometheus
from entrypoints.http.console.overview import figures
from infrastructure.configuration.api_access import keep_local_token
from tests.console.browsers import PATIENCE_MS, Visitor, visiting
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api

SMS = ChannelType.SMS

PLOTTED = """name => {
    const canvas = document.querySelector(`[data-plot="${name}"] canvas`);
    if (!canvas?.width) return 0;  // the page draws its plots anew
    const wanted = getComputedStyle(document.documentElement).getPropertyValue("--series-2").trim();
    const [red, green, blue] = wanted.match(/[0-9a-f]{2}/g).map(part => parseInt(part, 16));
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let highest = canvas.height;
    for (let at = 0; at < data.length; at += 4) {
        const isLine = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green)
            + Math.abs(data[at + 2] - blue) < 40 && data[at + 3] > 200;
        if (isLine) highest = Math.min(highest, Math.floor(at / 4 / canvas.width));
    }
    return 1 - highest / canvas.height;
}"""
"""How high the second line of a plot reaches, as a part of its height; 0 where there is none."""


@pytest.fixture
def counting_visitor(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    """Somebody at a front desk that counts as a server does.

    What a busy machine was slow to read is read again in two seconds, and not in half a minute.
    """
    monkeypatch.setattr(figures, "PACE", replace(figures.PACE, times_of_reading=0.0))
    container = build_container({"DATA_DIR": str(tmp_path / "data")})
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        desk = Api(frontdesk).with_token(keep_local_token(tmp_path / "data"))
        with visiting(browser, desk) as visitor:
            yield visitor


def figure(name: str) -> str:
    """Where the figure of a card is."""
    return f"//dt[contains(., '{name}')]/following-sibling::dd[1]"


def wait_for_line(page: Page) -> None:
    """Wait until the plot of the channels shows that SMS came. The page lets no text be run."""
    ends_at = time.monotonic() + PATIENCE_MS / 1000
    while page.evaluate(PLOTTED, "channels") < 0.5:
        assert time.monotonic() < ends_at
        page.wait_for_timeout(100)


def test_webhook_shows_in_figures_and_plots_without_reloading(counting_visitor: Visitor) -> None:
    frontdesk = counting_visitor.desk.frontdesk
    counting_visitor.expected.append("willReadFrequently")  # the test reads what is drawn
    counting_visitor.look("/")
    page = counting_visitor.page
    expect(page.get_by_text("Nothing has come in yet")).to_be_visible()
    page.evaluate("window.isTheSamePage = true")
    frontdesk.given_conversation(SMS)
    for _ in range(3):
        assert frontdesk.post(frontdesk.webhook(SMS)).status == 200
    expect(page.locator(figure("Received"))).to_have_text("3")
    expect(page.locator(figure("On queues"))).to_have_text(re.compile("^3"))
    expect(page.get_by_role("row", name=re.compile("^Recorded 0 3 0"))).to_be_visible()
    wait_for_line(page)
    assert page.evaluate("window.isTheSamePage")
    # The plots follow the colours of the other scheme, and each span has its own.
    page.emulate_media(color_scheme="light")
    wait_for_line(page)
    page.get_by_role("link", name="24 h", exact=True).click()
    expect(page.get_by_text("in each 20 min; sums of the last 24 hours").first).to_be_visible()
    wait_for_line(page)
    page.locator("[data-plot=channels] .u-over").hover()
    expect(page.locator("[data-plot=channels] .readout")).to_contain_text("SMS")
    page.get_by_role("link", name="6 h", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("in each 10 min").first).to_be_visible()


def test_store_that_stops_is_told_with_what_was_known_until_it_is_back(
    counting_visitor: Visitor,
) -> None:
    container = counting_visitor.desk.container
    frontdesk = counting_visitor.desk.frontdesk
    assert frontdesk.post(frontdesk.webhook(SMS, sender="+14155550199")).status == 200
    page = counting_visitor.open("/")
    step = page.get_by_role("link", name="Open the unmatched message")
    expect(step).to_be_visible()
    container.stores.override(providers.Callable(_broken))
    expect(page.get_by_text("The store does not answer")).to_be_visible()
    expect(page.locator(figure("Unmatched"))).to_have_text(re.compile("^1"))
    counting_visitor.check_accessible()
    container.stores.reset_override()
    expect(page.get_by_text("The store does not answer")).to_be_hidden()
    expect(step).to_be_visible()


def _broken() -> None:
    raise StorageUnavailableError("no answer")


def test_server_that_stops_is_told_and_the_page_goes_on_by_itself(
    counting_visitor: Visitor,
) -> None:
    counting_visitor.expected += ["ERR_FAILED", "503", "Failed to load resource"]
    page = counting_visitor.open("/")
    expect(page.locator(figure("Received"))).to_have_text("0")
    page.route("**/*", lambda route: route.fulfill(status=503, body="gone"))
    expect(page.locator("#stale")).to_contain_text("Not up to date since")
    expect(page.locator(figure("Received"))).to_have_text("0")
    page.unroute("**/*")
    expect(page.locator("#stale")).to_be_hidden()
