"""Conversations in a real browser."""

from playwright.sync_api import Locator, Page, Request, expect

from tests.console.browsers import Visitor
from tests.console.pictures import a_png
from tests.end_to_end.responses import EMAIL, WHATSAPP
from tests.entrypoints.http.api.steered import CUSTOMER, opened, received

MAIL = {"sender": "ana@example.com", "recipient": "help@acme.example"}
REMOTE = "https://evil.example/x"
HOSTILE_MAIL = f"""<p id=shown>Designed</p><script>top.alert(1)</script><img src=x onerror=alert(1)>
<img src="{REMOTE}.gif"><p style="background:url({REMOTE}.png)">x</p>
<link rel=stylesheet href={REMOTE}>
<style>@import "{REMOTE}.css"; body {{ background: u\\72l({REMOTE}.jpg) }}</style>
<meta http-equiv=refresh content="0;url={REMOTE}"><base href="{REMOTE}/"><img src=relative.gif>
<form action="{REMOTE}"><input autofocus onfocus=alert(1)></form><iframe src="{REMOTE}"></iframe>
<svg onload=alert(1)><image href="{REMOTE}.svg"/></svg><video src="{REMOTE}.mp4" autoplay></video>
<a href="{REMOTE}" id=link>A link</a><object data="{REMOTE}"></object>"""
HOSTILE_TEXT = (
    "<script>alert(1)</script> \u202eabc\u2066 " + "x" * 1_500 + " שלום עולם " + "\U0001f600" * 50
)


def press(page: Page, target: Locator) -> None:
    """Press Enter on it, as a person does who has no mouse."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return page.keyboard.press("Enter")
        page.keyboard.press("Tab")
    raise AssertionError("no number of tabs leads there")


def test_empty_list_says_what_to_type(visitor: Visitor) -> None:
    visitor.look("/conversations")
    expect(visitor.page.get_by_text("frontdesk conversations open")).to_be_visible()


def test_search_keeps_what_is_typed_while_the_list_renews_itself(visitor: Visitor) -> None:
    visitor.expected.append("422")
    page = visitor.open("/conversations")
    address = page.get_by_label("Customer's address")
    address.fill(" +1415")
    page.get_by_label("Channel").select_option("sms")
    opened(visitor.desk, company_name=HOSTILE_TEXT[:200])
    other = {"company_name": "w" * 400, "conversation_status": "z" * 400, "sender_id": "y" * 400}
    visitor.desk.frontdesk.given_conversation(WHATSAPP, conversation_id="x" * 400, **other)
    opened(visitor.desk, channel="email", **MAIL)
    expect(page.get_by_role("link", name=CUSTOMER)).to_be_visible()  # the list has renewed itself
    expect(address).to_have_value(" +1415")
    expect(page.get_by_label("Channel")).to_have_value("sms")
    visitor.look("/conversations")
    page.set_viewport_size({"width": 390, "height": 900})
    page.get_by_role("link", name="y" * 400).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("y" * 400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.go_back()
    page.get_by_label("Customer's address").fill(CUSTOMER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    assert "address=%2B14155550123" in page.url
    visitor.open("/conversations?address=x%20y&channel=email")
    expect(page.get_by_label("Customer's address")).to_have_attribute("aria-invalid", "true")
    visitor.check_accessible()


def test_message_appears_and_hand_off_routes_the_next_one(visitor: Visitor) -> None:
    path, _ = opened(visitor.desk, company_name="<b>Acme</b>", sender=CUSTOMER)
    received(visitor.desk, body="First")
    page = visitor.open(path.removeprefix("/v1"))
    expect(page.get_by_text("First")).to_be_visible()
    page.evaluate("window.notReloaded = true")
    received(visitor.desk, body=HOSTILE_TEXT)
    expect(page.get_by_role("log").get_by_role("article")).to_have_count(2)
    human = page.get_by_role("button", name="Human")
    human.focus()
    page.keyboard.press("Enter")
    expect(human).to_have_attribute("aria-pressed", "true")
    expect(human).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("-handoff")
    received(visitor.desk, body="To a human")
    expect(page.get_by_text("To a human")).to_be_in_viewport()
    assert page.evaluate("window.notReloaded") is True
    contexts = visitor.desk.frontdesk.contexts()
    assert [one.message.body for one in contexts["sms-handoff"]] == ["To a human"]


def test_stale_change_is_told_in_the_page(visitor: Visitor) -> None:
    visitor.expected.append("412")
    path, _ = opened(visitor.desk)
    page = visitor.open(path.removeprefix("/v1"))
    page.evaluate("document.getElementById('live').removeAttribute('hx-get')")
    page.evaluate(
        "document.querySelectorAll('[name=seen_answers]').forEach(e => e.value = 'human')"
    )
    page.get_by_role("button", name="closed").click()
    expect(page.get_by_role("status")).to_contain_text("the AI answers now")
    assert visitor.desk.get(path)["conversation_status"] == "active"


def test_hostile_mail_opened_by_keyboard_runs_and_fetches_nothing(visitor: Visitor) -> None:
    requests: list[str] = []

    def note(request: Request) -> None:
        requests.append(request.url)

    opened(visitor.desk, channel="email", **MAIL)
    received(visitor.desk, EMAIL, **MAIL, subject="<img src=x>", html=HOSTILE_MAIL)
    page = visitor.open("/conversations")
    page.on("request", note)
    page.on("dialog", lambda dialog: visitor.complaints.append(dialog.message))
    press(page, page.get_by_role("link", name=MAIL["sender"]))
    press(page, page.get_by_text("Show the mail as it was designed"))
    sheet = page.frame_locator("iframe")
    expect(sheet.get_by_text("remote pictures were left out")).to_be_visible()
    frame = sheet.frame_locator("iframe")
    expect(frame.get_by_text("Designed")).to_be_visible()
    press(page, page.get_by_role("button", name="Human"))
    expect(page.get_by_role("status")).to_contain_text("-handoff")
    frame.locator("#link").click()
    page.wait_for_timeout(300)
    expect(frame.get_by_text("Designed")).to_be_visible()
    ours = visitor.desk.frontdesk.origin
    assert [url for url in requests if not url.startswith((ours, "data:"))] == []
    assert any(url.endswith("/mail") for url in requests)
    # It stays open, and is not fetched again, when the page renews itself.
    received(visitor.desk, EMAIL, **MAIL, subject="Another")
    expect(page.get_by_role("log").get_by_role("article")).to_have_count(2)
    expect(frame.get_by_text("Designed")).to_be_visible()
    assert sum(url.endswith("/mail") for url in requests) == 1
    visitor.check_accessible()


def test_hostile_text_and_file_names_keep_the_page_in_order(visitor: Visitor) -> None:
    path, _ = opened(visitor.desk, channel="email", **MAIL)
    files = [("\u202egnp." + "x" * 180 + ".png", "image/png", a_png())]
    received(visitor.desk, EMAIL, **MAIL, subject="y" * 300, attachments=files, body=HOSTILE_TEXT)
    visitor.look(path.removeprefix("/v1"))
    expect(visitor.page.locator(".message > .text")).to_have_css("overflow", "clip")
    picture = visitor.page.get_by_role("img").last
    expect(picture).to_have_js_property("naturalWidth", 160)
    visitor.page.get_by_role("link", name="Details").click()
    visitor.check_accessible()
