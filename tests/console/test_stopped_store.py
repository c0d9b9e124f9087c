"""The real server, whose store another process holds, and which restarts, as a visitor sees it."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from entrypoints.composition.container import build_container
from entrypoints.simulation.demo import DEMO_SENDERS, open_demo
from infrastructure.configuration.api_access import keep_local_token
from tests.console.browsers import visiting
from tests.end_to_end.broken_databases import locked
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.responses import ACKNOWLEDGED, SMS
from tests.entrypoints.http.api.clients import Api
from tests.processes import FRONTDESK, Server, environment, killed_server

RETRIED_MS = 30_000
"""How long what is tried again every few seconds may take."""


def on_port(port: int) -> tuple[str, ...]:
    return (FRONTDESK, "serve", "--port", str(port))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    with killed_server(environment(data_dir), on_port(0)) as server:
        yield server


@pytest.fixture
def desk(data_dir: Path, server: Server) -> Iterator[Api]:
    """The desk of the server, which runs in a process of its own."""
    container = build_container({"DATA_DIR": str(data_dir)})
    open_demo(container.open_conversation())
    desk = Api(RunningFrontDesk(container, server.origin))
    yield desk.with_token(keep_local_token(data_dir))
    container.shutdown_resources()


def figure(page: Page, name: str) -> Locator:
    """The figure of a card."""
    return page.locator(f"//dt[contains(., '{name}')]/following-sibling::dd[1]")


def test_webhook_waits_in_the_spool_until_the_store_is_back_and_a_restart_forgets_nothing(
    browser: Browser, desk: Api, server: Server, data_dir: Path
) -> None:
    frontdesk = desk.frontdesk
    with visiting(browser, desk) as visitor:
        visitor.expected += ["Failed to load resource", "Failed to fetch"]
        page = visitor.open("/")
        page.evaluate("window.notReloaded = true")
        expect(page.get_by_text("Every backend answers")).to_be_visible()
        webhook = frontdesk.webhook(SMS, sender=DEMO_SENDERS[SMS], body="Is anybody there?")
        with locked(data_dir / "frontdesk.db"):
            assert frontdesk.post(webhook).shown == ACKNOWLEDGED[SMS]
            expect(page.get_by_text("1 webhook waits in the spool")).to_be_visible()
            expect(page.get_by_text("End it, or its transaction.")).to_be_visible()
            trace = desk.call("GET", f"/v1/trace/{DEMO_SENDERS[SMS]}").data.decode()
            assert f"(process {os.getpid()}) locks frontdesk.db" in trace
            expect(figure(page, "Spool")).to_contain_text("1")
            visitor.check_accessible()
        expect(page.get_by_text("Every backend answers")).to_be_visible(timeout=RETRIED_MS)
        expect(figure(page, "Spool")).to_contain_text("0")
        expect(figure(page, "On queues")).to_contain_text("1")
        server.terminate()
        server.wait()
        expect(page.locator("#stale")).to_contain_text("Not up to date since")
        port = urlsplit(server.origin).port or 0
        with killed_server(environment(data_dir), on_port(port)):
            expect(page.locator("#stale")).to_be_hidden()
            expect(page.get_by_text("before that, from the samples")).to_be_visible()
            expect(figure(page, "Received")).to_have_text("1")
            assert page.evaluate("window.notReloaded")
