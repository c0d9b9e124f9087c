"""What pages say while the store does not answer, and that they go on by themselves."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.broken_databases import renamed
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received
from tests.entrypoints.http.console.browsing import page, signed_in, text_of

MESSAGE = "SM" + "1" * 32


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, str]]]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        _, record = opened(api)
        received(api, message_id=MESSAGE)
        [message] = api.get(f"/v1/trace/{MESSAGE}")["messages"]
        names = {"conversation": record["conversation_id"], "request": message["request_id"]}
        yield signed_in(api), names


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/conversations", "conversations"),
        (f"/conversations?address=%2B{CUSTOMER[1:]}", "conversations"),
        ("/conversations/sms/{conversation}", "messages"),
        ("/messages/{request}", "messages"),
        ("/trace?subject={request}", "messages"),
        ("/unmatched", "messages"),
        ("/queues", "contexts"),
        ("/queues/sms-replies", "contexts"),
    ],
)
def test_page_keeps_what_it_shows_and_goes_on_once_the_store_answers(
    desk: tuple[Api, dict[str, str]], path: str, table: str
) -> None:
    browser, names = desk
    address = path.format(**names)
    before = page(browser, address)
    with renamed(browser.frontdesk.data_dir / "frontdesk.db", table):
        polled = browser.call("GET", address, headers={"hx-request": "true"})
        # A script that gets this status leaves the page as it is, and shows the text.
        assert polled.status == 503
        assert polled.headers["content-type"].startswith("text/plain")
        assert b"<" not in polled.data
        opened_anew = browser.call("GET", address)
        assert opened_anew.status == 503
        assert "does not answer" in text_of(opened_anew.data.decode())
    assert len(page(browser, address)) == pytest.approx(len(before), rel=0.05)


@pytest.mark.parametrize("path", ["/", "/checks", "/refusals", "/dead-letters", "/simulator"])
def test_page_of_other_things_is_there_all_the_same(
    desk: tuple[Api, dict[str, str]], path: str
) -> None:
    browser, _ = desk
    with renamed(browser.frontdesk.data_dir / "frontdesk.db", "conversations"):
        page(browser, path)
