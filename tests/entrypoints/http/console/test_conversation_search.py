"""Conversations are found by what stands in the address of the page."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from entrypoints.http.console.conversations import search_pages
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.shared_desk import CUSTOMER, shared_desk
from tests.entrypoints.http.console.browsing import page as shown
from tests.entrypoints.http.console.browsing import signed_in

HOSTILE = "<script>alert(1)</script>\u202e" + "x" * 900


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield signed_in(api)


@pytest.fixture(scope="module")
def session(desk: Api) -> Api:
    given = desk.frontdesk.given_conversation
    given(SMS, conversation_id="s-1", sender_id="+14155550101", company_name="Acme")
    given(WHATSAPP, conversation_id="w-1", sender_id="+14155550101", hand_off_to_human=True)
    given(EMAIL, conversation_id="e-1", sender_id="ana@example.com", conversation_status="closed")
    given(SMS, conversation_id="s/2?", sender_id="+14155550102", company_name=HOSTILE)
    return signed_in(desk)


def found(page: str) -> list[str]:
    """The addresses of the conversations on a page."""
    return [part.partition('"')[0] for part in page.split('scope="row" class="wide"><a href="')[1:]]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("address=%2B14155550101", {"sms/s-1", "whatsapp/w-1"}),
        ("address=+%2B14155550101+&channel=sms", {"sms/s-1"}),
        ("address=ANA@Example.com", {"email/e-1"}),
        ("channel=email", {"email/e-1"}),
        ("status=closed", {"email/e-1"}),
        ("status=closed&channel=sms", set()),
        ("answers=human", {"whatsapp/w-1"}),
        ("answers=ai&channel=email", {"email/e-1"}),
        ("company_id=none", set()),
        ("address=%2B14155550102", {"sms/s%2F2%3F"}),
        ("", {"sms/s-1", "whatsapp/w-1", "email/e-1", "sms/s%2F2%3F"}),
    ],
)
def test_search_finds_what_fits(session: Api, query: str, paths: set[str]) -> None:
    page = shown(session, f"/conversations?{query}")
    assert set(found(page)) == {f"/conversations/{path}" for path in paths}


def test_form_shows_the_search_and_stands_outside_of_what_renews_itself(session: Api) -> None:
    page = shown(session, "/conversations?address=%2B14155550101&channel=sms&status=active")
    form, live = page.partition('<div id="live"')[::2]
    assert 'value="+14155550101"' in form
    assert '<option value="sms" selected>' in form
    assert '<option value="active" selected>' in form
    assert "<input" not in live
    query = "address=%2B14155550101&amp;channel=sms&amp;status=active"
    assert f'hx-get="/conversations?{query}"' in live


def test_form_keeps_a_status_that_another_system_wrote(session: Api) -> None:
    page = shown(session, "/conversations?status=on_hold")
    assert '<option value="on_hold" selected>' in page
    assert "on_hold" not in shown(session, "/conversations")


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("address=" + quote("no address at all, is it") + "&channel=email", "address", "ot an add"),
        ("channel=fax", "channel", "a channel is one of"),
        ("answers=nobody", "answers", "who answers is one of"),
        ("status=" + "x" * 1001, "status", "most 1,000 characters"),
        ("company_id=" + "x" * 1001, "company_id", "most 1,000 characters"),
    ],
)
def test_wrong_value_is_told_beside_its_field(
    session: Api, query: str, field: str, sentence: str
) -> None:
    page = shown(session, f"/conversations?{query}", 422)
    beside = page.partition(f'id="{field}-wrong">')[2].partition("</p>")[0]
    assert sentence.lower() in beside.lower()
    assert f'aria-describedby="{field}-wrong"' in page
    assert found(page) == []
    assert "hx-get" not in page.partition('<div id="live"')[2].partition(">")[0]


def test_page_of_another_search_leads_to_the_first_page(session: Api) -> None:
    page = shown(session, "/conversations?channel=sms&after=wrong", 422)
    assert 'href="/conversations?channel=sms">First page' in page


def test_pages_follow_each_other(session: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_pages, "PAGE_SIZE", 3)
    page = shown(session, "/conversations")
    assert len(found(page)) == 3
    following = page.rpartition('<a class="button" href="')[2].partition('"')[0]
    rest = shown(session, following.replace("&amp;", "&"))
    assert len(found(rest)) == 1
    assert "First page" in rest
    assert set(found(page)).isdisjoint(found(rest))


def test_no_conversation_yet_is_another_page_than_none_that_fits(session: Api, empty: Api) -> None:
    assert "No conversation is open yet." in shown(empty, "/conversations")
    assert "No conversation fits" in shown(empty, "/conversations?status=closed")
    assert "No conversation fits" in shown(session, "/conversations?company_id=none")


def test_short_page_says_that_there_are_more(
    desk: Api, session: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.ports.pages.MOST_LOOKED_AT", 2)
    page = shown(session, "/conversations?status=none")
    assert "conversations fits" in page
    assert ">Go on</a>" in page


def test_hostile_names_and_searches_are_text(session: Api) -> None:
    page = shown(session, f"/conversations?status={quote(HOSTILE)}")
    assert "<script>alert" not in page
    assert "<script>alert" not in shown(session, "/conversations")


def test_other_companies_conversations_are_not_found(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (whole, acme, brill):
        session = signed_in(acme.api)
        for query in ("", f"?address={CUSTOMER}", f"?company_id={acme.company.name}"):
            page = shown(session, f"/conversations{query}")
            assert [acme.conversation.conversation_id in path for path in found(page)] == [True]
        other = f"/conversations?company_id={brill.company.name}"
        assert found(shown(session, other)) == []
        assert len(found(shown(signed_in(whole), "/conversations"))) == 2


def test_company_is_chosen_where_the_directory_is_small(
    session: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = '<input id="company_id"'
    assert typed in shown(session, "/conversations")
    with shared_desk(tmp_path) as (whole, *_):
        browser = signed_in(whole)
        page = shown(browser, "/conversations?company_id=brill")
        assert '<option value="acme">acme</option>' in page
        assert '<option value="brill" selected>' in page
        assert '<option value="gone" selected>' in shown(browser, "/conversations?company_id=gone")
        monkeypatch.setattr(search_pages, "MOST_COMPANIES", 1)
        assert typed in shown(browser, "/conversations")
