"""A morning at an invented shop: what the screenshots show, and what every page is tried with."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from dependency_injector import providers

from application.clock import utc_now
from application.ports.sample_history import INTERVAL
from domain.channels import ChannelType
from domain.queues import ALL_QUEUES, QueueKind
from entrypoints.composition.container import build_container, count_for_prometheus
from entrypoints.operations.sampler import Sampler
from infrastructure.configuration.api_access import keep_local_token
from tests.console.pictures import a_png
from tests.end_to_end.frontdesk import hosting, serving
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.entrypoints.http.api.clients import Api

SHOP_NUMBER = "+15005550006"
SHOP_MAIL = "help@shop.example"
CUSTOMERS = ("+14155550123", "+14155550164", "+442079460321", "+393335550107", "+4915155501443")
MAIL_CUSTOMER = "ana@customer.example"
STRANGER = "+14155550199"
SETTINGS = {
    "UNAUTHENTICATED_MAIL": "dead-letter",
    "FALLBACK_TEXT": "We do not know this number yet. Please call us.",
}

_LINES = (
    "Is my order on its way?",
    "It should have come on Tuesday.",
    "The blue one, please.",
    "Thanks, that helps!",
    "Can I change the address?",
    "Do you ship to Portugal?",
    "Here is the picture.",
    "When do you open on Saturday?",
)
_HTML = """<h2>Order 4711</h2>
<p>Hello, the <b>left lamp</b> arrived broken. Here is a picture:</p>
<p><img src="cid:lamp.png" alt="The broken lamp" width="160" height="120"></p>
<p><img src="https://tracker.example/pixel.gif" alt=""></p>
<table border="1" cellpadding="6"><tr><th>Article</th><th>Count</th></tr>
<tr><td>Lamp, brass</td><td>2</td></tr></table>
<p style="color: #7a4b00">Kind regards<br>Ana</p>"""


class MorningClock:
    """Runs as clocks do, so many steps before now: each is as long as samples are apart."""

    def __init__(self, steps: int) -> None:
        self.steps_left = steps

    def __call__(self) -> datetime:
        return utc_now() - self._behind

    @property
    def _behind(self) -> timedelta:
        return self.steps_left * INTERVAL


@contextmanager
def shop(data_dir: Path, *, steps: int = 100) -> Iterator[tuple[Api, dict[str, str]]]:
    """The front desk of the shop after a morning of so many half minutes; its pages by name."""
    container = build_container({"DATA_DIR": str(data_dir), **SETTINGS})
    clock = MorningClock(steps)
    container.clock.override(providers.Object(clock))
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        desk = Api(frontdesk).with_token(keep_local_token(data_dir))
        yield desk, _stage(desk, clock)


def _stage(desk: Api, clock: MorningClock) -> dict[str, str]:
    conversations = {
        (channel, sender): _opened(desk, channel, sender, name)
        for channel in (WHATSAPP, SMS)
        for sender, name in zip(CUSTOMERS, ("Shop", "Shop", "Shop UK", "Shop", "Shop"), strict=True)
    }
    mail = _opened(desk, EMAIL, MAIL_CUSTOMER, "Shop")
    writing, sampler = (
        zip(cycle(conversations), cycle(_LINES), strict=False),
        Sampler(desk.container),
    )
    while clock.steps_left > 0:
        for _ in range(_customers_at(clock.steps_left)):
            (channel, sender), text = next(writing)
            _post(desk, channel, sender=sender, recipient=SHOP_NUMBER, body=text)
        if clock.steps_left % 9 == 0:
            question = _LINES[clock.steps_left % len(_LINES)]
            wanted = {"sender": MAIL_CUSTOMER, "recipient": SHOP_MAIL, "subject": "A question"}
            _post(desk, EMAIL, 200, body=question, **wanted)
        clock.steps_left -= 1
        _let_the_ai_answer(desk)
        sampler()
    _hand_off(desk, conversations[WHATSAPP, CUSTOMERS[1]])
    _post(desk, WHATSAPP, sender=CUSTOMERS[1], recipient=SHOP_NUMBER, body="A person, please!")
    _post_mails(desk)
    for text in ("Hello? Is this the shop with the lamps?", "I have a question about my invoice."):
        _post(desk, SMS, sender=STRANGER, recipient=SHOP_NUMBER, body=text)
    _post(desk, SMS, 401, sender=CUSTOMERS[0], recipient=SHOP_NUMBER, tamper=True)
    [dead_letter] = desk.frontdesk.dead_letters()
    history = desk.get(f"/v1{mail}/messages")["items"]
    return {
        "overview": "/",
        "conversations": "/conversations",
        "thread": mail,
        "trace": f"/trace?subject={history[0]['request_id']}",
        "unmatched": "/unmatched",
        "dead-letters": "/dead-letters",
        "dead-letter": f"/dead-letters/{dead_letter.dead_letter_id}",
        "queues": "/queues",
        "refusals": "/refusals",
        "checks": "/checks",
        "signature": "/signature",
        "simulator": "/simulator",
    }


def _customers_at(steps_left: int) -> int:
    """How many write in a step: a wave with a little unrest."""
    return round(2.5 + 2 * math.sin(steps_left / 9) + math.sin(steps_left * 2.4))


def _let_the_ai_answer(desk: Api) -> None:
    queues = desk.container.context_queue()
    for queue in ALL_QUEUES:
        if queue.kind is QueueKind.REPLIES:
            for delivery in queues.receive(queue, 2):
                queues.acknowledge(queue, delivery.receipt)


def _opened(desk: Api, channel: ChannelType, sender: str, company: str) -> str:
    recipient = SHOP_MAIL if channel is EMAIL else SHOP_NUMBER
    record = {"channel": channel, "sender": sender, "recipient": recipient}
    answer = desk.call("POST", "/v1/conversations", {**record, "company_name": company})
    assert answer.status == 201, answer.data
    found = answer.json()
    return f"/conversations/{channel}/{found['conversation_id']}"


def _hand_off(desk: Api, conversation: str) -> None:
    answer = desk.call("PUT", f"/v1{conversation}/hand-off", {"hand_off_to_human": True})
    assert answer.status == 200, answer.data


def _post(desk: Api, channel: ChannelType, expected: int = 200, **wanted: Any) -> None:
    front = desk.frontdesk
    assert front.post(front.webhook(channel, **wanted)).status == expected


def _post_mails(desk: Api) -> None:
    wanted: dict[str, Any] = {
        "sender": MAIL_CUSTOMER,
        "recipient": SHOP_MAIL,
        "sender_name": "Ana Reis",
    }
    _post(desk, EMAIL, **wanted, subject="Opening hours", body="When do you open on Saturday?")
    _post(
        desk,
        EMAIL,
        **wanted,
        subject="Order 4711: one lamp is broken",
        body="Hello, the left lamp arrived broken. Here is a picture.",
        html=_HTML,
        attachments=[("lamp.png", "image/png", a_png()), ("invoice.pdf", "application/pdf", _PDF)],
    )
    _post(
        desk,
        EMAIL,
        sender="ana@customer.example",
        recipient=SHOP_MAIL,
        subject="Please pay at once",
        body="Our bank details have changed.",
        spf="fail",
        dkim="none",
    )


_PDF = b"%PDF-1.4\n% an invented invoice\n" + b"x" * 2_000
