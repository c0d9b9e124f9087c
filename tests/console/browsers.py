"""A real browser that looks at the console, and sees what a person would complain about."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has none
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

from tests.entrypoints.http.api.clients import Api

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (390, 820, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PATIENCE_MS = 30_000


def launched(playwright: Playwright) -> Browser:
    """The browser of this machine. It is never one that was downloaded for the tests."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "these tests need Chromium: on Debian, 'apt-get install chromium'"
    expect.set_options(timeout=PATIENCE_MS)
    # The sandbox of the browser needs rights that root in a container lacks.
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])


@dataclass
class Visitor:
    """A person with a browser of their own at one front desk. ``complaints`` must stay empty."""

    desk: Api
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the browser reports: errors of scripts, and what the policy refuses."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(
            re.search(pattern, message.text) for pattern in self.expected
        ):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def open(self, path: str) -> Page:
        """The page at ``path``."""
        self.page.goto(self.desk.frontdesk.origin + path)
        return self.page

    def sign_in(self) -> None:
        """Sign in as a person does who has a token."""
        self.open("/sign-in")
        token = self.desk.headers["authorization"].partition(" ")[2]
        self.page.get_by_label("Access token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        # Only then is it the next page that gets what is typed.
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def look(self, path: str) -> None:
        """Look at a page in each width and colour scheme, and find nothing wrong with it."""
        self.open(path)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} pixels wide on a screen of {width}"
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                self.check_accessible()

    def check_accessible(self) -> None:
        """What axe finds at WCAG 2.2 AA, it says."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = Axe().run(self.page, options={"runOnly": tags})
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"


@contextmanager
def visiting(browser: Browser, desk: Api) -> Iterator[Visitor]:
    """A visitor who has signed in. At the end there must have been nothing to complain about."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(desk, context.new_page())
    visitor.listen()
    visitor.sign_in()
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.complaints == [], visitor.complaints
