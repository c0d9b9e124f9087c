"""The front desks and the visitors of the browser tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console.browsers import Visitor, launched, visiting
from tests.entrypoints.http.api.clients import Api, running_locally


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "data") as api:
        yield api


@pytest.fixture
def visitor(browser: Browser, desk: Api) -> Iterator[Visitor]:
    with visiting(browser, desk) as visitor:
        yield visitor
