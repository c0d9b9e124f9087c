"""Why a message is unmatched, as its card and the trace say it."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import (
    HOSTILE,
    Visit,
    forms,
    names_of_buttons,
    shown,
    visit,
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data"), FALLBACK_MAX_PER_HOUR="0") as api:
        yield api


@pytest.fixture(scope="module")
def visitor(local: Api) -> Visit:
    return visit(local)


def unmatched_of(api: Api, sender: str) -> str:
    """The request id of what this sender wrote."""
    (found,) = [
        one.request_id
        for one in api.container.message_store().list_unmatched(100).items
        if one.message.sender.value == sender
    ]
    return found


def test_card_names_the_closed_conversation(local: Api, visitor: Visit) -> None:
    path, _ = opened(local, sender="+14155550101")
    local.call("PUT", f"{path}/status", {"conversation_status": "closed"})
    received(local, SMS, sender="+14155550101")
    reason = "Theirs is closed, and no message opens it again"
    assert "Their conversation is closed, and no message opens it again." in visitor.text(
        "/unmatched"
    )
    assert f'href="{path.removeprefix("/v1")}"'.encode() in visitor.get("/unmatched").data
    page = visitor.get("/trace", subject=unmatched_of(local, "+14155550101"))
    assert reason in shown(page)
    assert f'href="{path.removeprefix("/v1")}">Open the sender'.encode() in page.data


def test_closed_conversation_is_reopened_and_takes_what_waits(local: Api, visitor: Visit) -> None:
    path, _ = opened(local, sender="+14155550131")
    local.call("PUT", f"{path}/status", {"conversation_status": "closed"})
    for _ in range(2):
        received(local, SMS, sender="+14155550131")
    text = visitor.text("/unmatched")
    assert "Reopen it and deliver Open another conversation …" in text
    names = names_of_buttons(visitor.get("/unmatched").data.decode())
    assert "Reopen it and deliver" in dict(names)
    assert all(one in name for one, name in names), "who speaks to a browser says what stands"
    first = local.container.message_store().list_unmatched(100).items
    request_id = next(o.request_id for o in first if o.message.sender.value == "+14155550131")
    answer = visitor.post(f"/unmatched/{request_id}/reopen")
    assert "The conversation is open again. 2 messages are delivered." in shown(answer)
    assert path.removeprefix("/v1").encode() in answer.data
    (conversation,) = local.get("/v1/conversations", address="+14155550131")["items"]
    assert conversation["conversation_status"] == "user_reply_received"
    assert visitor.post(f"/unmatched/{request_id}/reopen").status == 409


def test_company_is_said_before_a_conversation_is_opened(local: Api, visitor: Visit) -> None:
    sender = "+14155550133"
    opened(local, sender=sender, recipient="+15005550007", company_id="acme", company_name=HOSTILE)
    received(local, SMS, sender=sender)
    place = f"/unmatched/{unmatched_of(local, sender)}/open"
    assert f'href="{place}"'.encode() in visitor.get("/unmatched").data
    form = visitor.get(place).data
    assert b'name="company_id"' in form
    assert b'value="acme"' in form
    assert b"<script>alert" not in form
    company = {"company_id": "acme", "company_name": "Acme Ltd"}
    assert visitor.post(place, {**company, "company_name": "x" * 1001}).status == 422
    answer = visitor.post(place, company)
    assert "A conversation is open now, for Acme Ltd. 1 message is delivered." in shown(answer)
    assert answer.headers["hx-replace-url"] == "/unmatched"
    found = local.get("/v1/conversations", address=sender)["items"]
    (new,) = [one for one in found if one["recipient_id"] == "+15005550006"]
    assert {name: new[name] for name in company} == company
    assert visitor.get(place).status == 409


def test_company_is_not_asked_for_where_a_conversation_is_open(local: Api, visitor: Visit) -> None:
    received(local, SMS, sender="+14155550134")
    place = f"/unmatched/{unmatched_of(local, '+14155550134')}/open"
    opened(local, sender="+14155550134")
    assert f'href="{place}"'.encode() not in visitor.get("/unmatched").data
    answer = visitor.get(place)
    assert (answer.status, answer.headers["location"]) == (303, "/unmatched")


def test_what_is_open_by_now_is_not_opened_again(local: Api, visitor: Visit) -> None:
    received(local, SMS, sender="+14155550132")
    request_id = unmatched_of(local, "+14155550132")
    opened(local, sender="+14155550132")
    answer = visitor.post(f"/unmatched/{request_id}/reopen")
    assert answer.status == 409
    assert "Nothing was done: the sender's conversation is open by now" in shown(answer)
    assert visitor.post(f"/unmatched/{request_id}/deliver").status == 200


def test_card_names_the_conversation_with_another_number(local: Api, visitor: Visit) -> None:
    opened(local, sender="+14155550102", recipient="+15005550007")
    received(local, SMS, sender="+14155550102")
    reason = "+14155550102 has no open conversation with +15005550006, only with +15005550007"
    assert (
        "They wrote to +15005550006; their conversation is with +15005550007. See the conversation"
        in visitor.text("/unmatched")
    )
    assert reason in visitor.text("/trace", subject=unmatched_of(local, "+14155550102"))


@pytest.mark.parametrize(
    ("sender", "company"),
    [
        ("+14155550135", {"company_id": "shop", "company_name": "Shop"}),
        ("+14155550136", {"company_name": "Shop"}),
    ],
    ids=["with an id", "by its name alone"],
)
def test_likely_company_is_one_click_away(
    local: Api, visitor: Visit, sender: str, company: dict[str, str]
) -> None:
    opened(local, sender=sender, recipient="+15005550007", **company)
    received(local, SMS, sender=sender)
    page = visitor.get("/unmatched").data.decode()
    assert "their conversation at Shop is with +15005550007" in page
    place = f"/unmatched/{unmatched_of(local, sender)}/open"
    fields = forms(page)[place, "Open for Shop and deliver"]
    assert {**fields, **company} == fields
    assert forms(page)[place, "Open without a company"].keys() == {"csrf_token"}
    text = shown(visitor.post(place, fields))
    assert "A conversation is open now, for Shop. 1 message is delivered." in text
    found = local.get("/v1/conversations", address=sender)["items"]
    assert {(one["company_id"], one["company_name"]) for one in found} == {
        (company.get("company_id"), "Shop")
    }


def test_notice_says_that_the_new_conversation_has_no_company(local: Api, visitor: Visit) -> None:
    local.frontdesk.given_conversation(
        SMS,
        conversation_id="of-acme",
        sender_id="+14155550103",
        recipient_id="+15005550007",
        company_id="acme",
        company_name="Acme Ltd",
    )
    received(local, SMS, sender="+14155550103")
    text = shown(visitor.post(f"/unmatched/{unmatched_of(local, '+14155550103')}/open"))
    assert "It has no company, because TENANTS names none for +15005550006." in text
    assert "The sender's other conversation is of Acme Ltd." in text


def test_notice_is_silent_where_nobody_names_companies(local: Api, visitor: Visit) -> None:
    received(local, SMS, sender="+14155550104")
    text = shown(visitor.post(f"/unmatched/{unmatched_of(local, '+14155550104')}/open"))
    assert "1 message is delivered." in text
    assert "no company" not in text
