"""Dead letters in the console: why, what is in them, redriven and deleted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from application.clock import utc_now
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from entrypoints.http.console.recovery import dead_letter_pages
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.end_to_end.responses import EMAIL
from tests.entrypoints.http.api.clients import Api, given_token, running, running_locally
from tests.entrypoints.http.api.shared_desk import shared_desk
from tests.entrypoints.http.console.browsing import HOSTILE, Visit, forms, shown, visit
from tests.entrypoints.http.console.stored import given_mail, stored


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data_dir = tmp_path_factory.mktemp("data")
    with running_locally(data_dir, UNAUTHENTICATED_MAIL="dead-letter") as api:
        yield api


@pytest.fixture
def desk(local: Api) -> Iterator[Api]:
    """The desk without dead letters."""
    yield local
    for path in (local.frontdesk.data_dir / "dead-letters").rglob("*.json"):
        path.unlink()


@pytest.fixture(scope="module")
def visitor(local: Api) -> Visit:
    return visit(local)


def test_empty_list_says_that_this_is_healthy(visitor: Visit) -> None:
    assert "There are no dead letters" in visitor.text("/dead-letters")


def test_list_says_why_who_and_when(desk: Api, visitor: Visit) -> None:
    given_mail(desk)
    text = visitor.text("/dead-letters")
    assert "unauthenticated" in text
    assert "ana@example.com" in text
    assert "Email" in text
    assert "0 s ago" in text or "1 s ago" in text


def test_list_of_one_kind_has_that_kind_alone(desk: Api, visitor: Visit) -> None:
    bug = stored(desk, kind=DeadLetterKind.BUG, number=2)
    unreadable = stored(desk)
    page = visitor.get("/dead-letters", kind="bug").data.decode()
    assert bug in page
    assert unreadable not in page
    assert "None of the kind exhausted" in visitor.text("/dead-letters", kind="exhausted")
    assert visitor.get("/dead-letters", kind="wrong").status == 422


def test_page_is_no_longer_than_it_may_be(
    desk: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_pages, "PAGE_SIZE", 2)
    ids = [stored(desk, number=number) for number in (1, 2, 3)]
    page = visitor.get("/dead-letters").data.decode()
    assert [one in page for one in ids] == [True, True, False]
    address = page.partition('<p class="more"><a class="button" href="')[2].partition('"')[0]
    following = visitor.get(address).data.decode()
    assert [one in following for one in ids] == [False, False, True]


def test_one_says_what_it_means_and_the_error_that_it_still_gives(
    desk: Api, visitor: Visit
) -> None:
    text = visitor.text(f"/dead-letters/{stored(desk, b'Body=Hello')}")
    assert "Frontdesk could not read it: the form has no From" in text
    assert "Reading it still gives this error: " in text
    assert "Body Hello" in text


def test_form_marks_the_fields_at_fault(desk: Api, visitor: Visit) -> None:
    body = b"MessageSid=SM0123456789abcdef0123456789abcdef&To=%2B15005550006&Body=Hi&From="
    text = visitor.text(f"/dead-letters/{stored(desk, body)}").partition(" Form ")[2]
    assert text.startswith("AccountSid missing ")
    assert " From ill-formed empty" in text
    assert " Body Hi" in text


def test_form_of_a_mail_marks_the_author(desk: Api, visitor: Visit) -> None:
    found = given_mail(desk, sender="x")
    text = visitor.text(f"/dead-letters/{found}")
    assert "Reading it still gives this error: the mail names no author." in text
    assert " from names no author " in text


def test_one_says_how_it_reads_today(desk: Api, visitor: Visit) -> None:
    text = visitor.text(f"/dead-letters/{given_mail(desk, body='Is it on its way?')}")
    assert "As 1 message" in text
    assert "author not proven" in text
    assert "Is it on its way?" in text


def test_message_that_no_queue_took_is_shown_and_pending_again(desk: Api, visitor: Visit) -> None:
    request_id = "6b6b2f0e-0000-8000-8000-000000000000"
    found = DeadLetter(
        f"undeliverable-{request_id}",
        DeadLetterKind.UNDELIVERABLE,
        "it could not be put on its queue: there is no queue sms-replies. Create it",
        100,
        utc_now(),
        request_id=request_id,
    )
    desk.container.dead_letters().store(found)
    path = f"/dead-letters/{found.dead_letter_id}"
    text = visitor.text(path)
    assert "Its message cannot be found" in text
    assert (
        "It was tried 100 times. It could not be put on its queue: there is no queue sms-replies. "
        "Create it. Then redrive the message" in text
    )
    assert "there is no queue sms-replies. Create it" in visitor.text("/dead-letters")
    assert f"/trace?subject={request_id}".encode() in visitor.get(path).data
    assert "The message is pending again" in shown(visitor.post(f"{path}/redrive"))


def test_text_of_strangers_does_nothing(desk: Api, visitor: Visit) -> None:
    body = urlencode({HOSTILE: HOSTILE, "From": HOSTILE, "Body": HOSTILE}).encode()
    found = stored(desk, body, reason=HOSTILE)
    given_mail(desk, subject=HOSTILE[:200], body=HOSTILE)
    for path in ("/dead-letters", f"/dead-letters/{found}"):
        page = visitor.get(path)
        assert page.status == 200
        assert b"<script>alert" not in page.data
        assert b"{{ 7*7 }}" in page.data


def test_redriven_one_is_delivered_and_gone(desk: Api, visitor: Visit) -> None:
    desk.frontdesk.given_conversation(
        EMAIL, sender_id="known@example.com", recipient_id="help@example.com"
    )
    path = f"/dead-letters/{given_mail(desk, sender='known@example.com')}"
    answer = visitor.post(f"{path}/redrive")
    assert answer.status == 200
    assert answer.headers["hx-replace-url"] == "/dead-letters"
    assert "The message is on email-handoff" in shown(answer)
    assert [*desk.frontdesk.contexts()] == ["email-handoff"]
    assert desk.frontdesk.dead_letters() == ()


def test_redriven_one_that_fails_again_stays_with_its_reason(desk: Api, visitor: Visit) -> None:
    path = f"/dead-letters/{stored(desk, b'Body=Hello', reason='an old reason')}"
    text = shown(visitor.post(f"{path}/redrive"))
    assert "it failed again" in text
    (left,) = desk.frontdesk.dead_letters()
    assert left.attempts == 2
    assert left.reason in text


@pytest.mark.parametrize("action", ["redrive", "delete"])
def test_action_on_what_is_gone_says_so(desk: Api, visitor: Visit, action: str) -> None:
    kept = stored(desk, number=2)
    path = f"/dead-letters/{stored(desk)}"
    assert visitor.post(f"{path}/delete").status == 200
    answer = visitor.post(f"{path}/{action}")
    assert answer.status == 409
    assert "Nothing was done" in shown(answer)
    assert [one.dead_letter_id for one in desk.frontdesk.dead_letters()] == [kept]
    assert visitor.get(path).status == 404


def redriven(visitor: Visit, **place: str) -> urllib3.BaseHTTPResponse:
    """The answer to the button above a list."""
    return visitor.post("/dead-letters/redrive", fields_of_list(visitor, **place))


def fields_of_list(visitor: Visit, **place: str) -> dict[str, str]:
    page = visitor.get("/dead-letters", **place).data.decode()
    [fields] = [
        fields for (address, _), fields in forms(page).items() if address.endswith("s/redrive")
    ]
    return fields


def test_list_that_changed_meanwhile_redrives_none_that_nobody_saw(
    desk: Api, visitor: Visit
) -> None:
    gone, kept = stored(desk), stored(desk, number=2)
    fields = fields_of_list(visitor)
    desk.container.dead_letters().delete(gone)
    new = stored(desk, number=3)
    text = shown(visitor.post("/dead-letters/redrive", fields))
    assert "0 dead letters redriven, 1 failed again" in text
    assert "Not there any more: 1 dead letter, redriven or deleted meanwhile." in text
    attempts = {one.dead_letter_id: one.attempts for one in desk.frontdesk.dead_letters()}
    assert attempts == {kept: 2, new: 1}


def test_list_is_redriven_and_tells_the_reasons(desk: Api, visitor: Visit) -> None:
    given_mail(desk)
    stored(desk, b"Body=1")
    stored(desk, b"Body=2", number=2)
    text = shown(redriven(visitor))
    assert "1 dead letter redriven, 2 failed again and stayed." in text
    assert "2 failed again: " in text
    assert (
        "Recorded, and unmatched, because the sender has no open conversation: 1 message." in text
    )
    assert "To the unmatched messages" in text
    assert len(desk.frontdesk.dead_letters()) == 2


def test_list_of_a_kind_redrives_that_kind_alone(desk: Api, visitor: Visit) -> None:
    given_mail(desk)
    stored(desk, b"Body=1")
    text = shown(redriven(visitor, kind="unreadable"))
    assert "0 dead letters redriven, 1 failed again" in text
    assert len(desk.frontdesk.dead_letters()) == 2
    assert visitor.post("/dead-letters/redrive", {"kind": "all"}).status == 422
    assert len(desk.frontdesk.dead_letters()) == 2


def test_redriving_ends_in_time(desk: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    given_mail(desk)
    monkeypatch.setattr(dead_letter_pages, "REDRIVE_SECONDS", 0)
    text = shown(redriven(visitor))
    assert "The time was over: 1 dead letter not tried" in text
    assert len(desk.frontdesk.dead_letters()) == 1


def test_damaged_file_is_named(desk: Api, visitor: Visit) -> None:
    stored(desk)
    (file,) = (desk.frontdesk.data_dir / "dead-letters").rglob("*.json")
    file.write_text("{")
    text = visitor.text("/dead-letters")
    assert "Cannot be read" in text
    assert file.name in text
    path = f"/dead-letters/{file.stem}"
    assert f'href="{path}"'.encode() in visitor.get("/dead-letters").data
    text = visitor.text(path)
    assert f"{file} is not a dead letter, or its content is gone." in text
    assert "Answer the customer by hand. Then delete it." in text
    answer = visitor.post(f"{path}/redrive")
    assert (answer.status, "So it cannot be redriven" in shown(answer)) == (409, True)
    assert "The dead letter is deleted." in shown(visitor.post(f"{path}/delete"))
    assert not file.exists()


def test_damaged_one_of_a_recorded_message_leads_to_its_trace(desk: Api, visitor: Visit) -> None:
    stored(desk)
    (file,) = (desk.frontdesk.data_dir / "dead-letters").rglob("*.json")
    file.rename(file.with_name("undeliverable-12-34.json")).write_text("{")
    page = visitor.get("/dead-letters/undeliverable-12-34").data
    assert b'href="/trace?subject=12-34"' in page


def test_companies_see_and_touch_their_own_alone(tmp_path: Path) -> None:
    with shared_desk(tmp_path) as (_, acme, brill):
        visitor = visit(acme.api)
        assert brill.dead_letter.encode() not in visitor.get("/dead-letters").data
        assert acme.dead_letter.encode() in visitor.get("/dead-letters").data
        damaged = acme.api.frontdesk.data_dir / "dead-letters" / "bug-1.json"
        damaged.write_text("{")
        assert visitor.get("/dead-letters/bug-1").status == 404
        damaged.unlink()
        assert visitor.get(f"/dead-letters/{brill.dead_letter}").status == 404
        for action in ("redrive", "delete"):
            assert visitor.post(f"/dead-letters/{brill.dead_letter}/{action}").status == 409
        assert "1 dead letter redriven." in shown(redriven(visitor))
        left = [one.dead_letter_id for one in acme.api.frontdesk.dead_letters()]
        assert left == [brill.dead_letter]


def test_reader_sees_no_button_and_cannot_act(tmp_path: Path) -> None:
    token = given_token("reader", [Scope.READ])
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": token.line}) as api:
        visitor = visit(api.with_token(token.text))
        path = f"/dead-letters/{stored(api)}"
        for address in ("/dead-letters", path):
            page = visitor.get(address)
            assert page.status == 200
            assert b"<button>Redrive" not in page.data
            assert b'class="danger"' not in page.data
        for action in ("/dead-letters/redrive", f"{path}/redrive", f"{path}/delete"):
            assert visitor.post(action).status == 403
        assert len(api.frontdesk.dead_letters()) == 1


def test_form_of_another_session_does_nothing(desk: Api, visitor: Visit) -> None:
    path = f"/dead-letters/{stored(desk)}"
    stranger = replace(visitor, csrf_token="x")
    for action in ("/dead-letters/redrive", f"{path}/redrive", f"{path}/delete"):
        assert stranger.post(action).status == 403
    assert [one.attempts for one in desk.frontdesk.dead_letters()] == [1]


def test_console_asks_before_it_deletes_or_redrives_several(desk: Api, visitor: Visit) -> None:
    dead_letter = stored(desk, b"1")
    assert b"hx-confirm" not in visitor.get("/dead-letters").data
    page = visitor.get(f"/dead-letters/{dead_letter}").data
    assert page.count(b"hx-confirm") == 1  # to delete
    stored(desk, b"2", number=2)
    assert b'hx-confirm="Redrive 2 dead letters?' in visitor.get("/dead-letters").data
