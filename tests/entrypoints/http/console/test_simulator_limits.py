"""What the simulator refuses, and whom; and the forms that it makes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from typing_extensions import override

from domain.channels import ChannelType
from entrypoints.composition import channel_providers
from entrypoints.http.console.simulator.fields import FILES_BYTES
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    Simulation,
    SimulationError,
    Webhooks,
)
from infrastructure.channels.twilio.provider import TwilioProvider
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.access_tokens import Scope
from tests.entrypoints.http.api.clients import given_token, running, running_locally
from tests.entrypoints.http.console.browsing import text_of
from tests.entrypoints.http.console.simulating import (
    Simulator,
    problems_of,
    sent_ids,
    simulating,
)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulating(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


WRONG: list[tuple[str, dict[str, str], str, str]] = [
    ("sms", {"sender": ""}, "sender", "expected a number"),
    ("sms", {"sender": "ana@example.com\r\nX-Evil: 1"}, "sender", "no line breaks"),
    ("whatsapp", {"recipient": "nobody"}, "recipient", "expected a number"),
    ("email", {"sender": "Ana <ana>"}, "sender", "expected an address"),
    ("email", {"option.subject": "a\r\nBcc: x@example.com"}, "option-subject", "no line breaks"),
    ("email", {"option.in_reply_to": "<a@b>\nX: 1"}, "option-in_reply_to", "no line breaks"),
    ("email", {"message_id": "<a@b>\x00"}, "message_id", "no control characters"),
    ("email", {"option.subject": "x" * 901}, "option-subject", "900 characters"),
    ("email", {"option.charset": "klingon"}, "option-charset", "no charset like"),
    ("email", {"option.charset": "rot13"}, "option-charset", "no charset like"),
    ("email", {"option.charset": "utf-16"}, "option-charset", "no charset like"),
    ("email", {"option.charset": "ascii", "body": "Größe"}, "option-charset", "cannot be written"),
    ("email", {"option.spf": "perhaps"}, "option-spf", "choose one of"),
    ("sms", {"message_id": "SM1"}, "message_id", "32 hex digits"),
    ("sms", {"body": ""}, "body", "fill in: picture or file."),
    ("sms", {"option.media": "https://a.example\nftp://b.example"}, "option-media", "is no url"),
    ("whatsapp", {"option.location": "91,0"}, "option-location", "latitude is -90 to 90"),
    ("whatsapp", {"option.button": "=x"}, "option-button", "needs a text"),
    ("sms", {"how_often": "always"}, "how_often", "choose one of"),
    *(
        ("sms", {"how_often": "many", "count": count}, "count", "from 2 to 100")
        for count in ("101", "1", "-5", "", "1e2", "٣", "9" * 800)
    ),
]


@pytest.mark.parametrize(("channel", "fields", "name", "words"), WRONG)
def test_wrong_value_is_told_beside_its_field_and_what_was_typed_is_kept(
    simulator: Simulator, channel: str, fields: dict[str, str], name: str, words: str
) -> None:
    received = simulator.api.frontdesk.counted("WebhooksReceived")
    response = simulator.post(channel, {"option.profile_name": "Typed", **fields})
    assert response.status == 422
    page = response.data.decode()
    assert list(problems_of(page)) == [name]
    assert words in problems_of(page)[name].lower()
    typed = next(iter(fields.values())).replace("\r\n", "\n")
    if typed.isprintable() and typed not in {"always", "perhaps"}:
        assert typed in page or typed.replace("<", "&lt;").replace(">", "&gt;") in page
    assert ("Typed" in page) is (channel == "whatsapp")
    assert simulator.api.frontdesk.counted("WebhooksReceived") == received


def test_files_that_are_too_large_are_told_beside_their_field(simulator: Simulator) -> None:
    large = ("option.attach", "large.bin", b"x" * (FILES_BYTES + 1), "application/octet-stream")
    response = simulator.post("email", {"body": "Kept"}, [large])
    assert response.status == 422
    assert "6 MB" in problems_of(response.data.decode())["option-attach"]
    assert "Kept" in response.data.decode()
    some = ("option.attach", "some.bin", b"x" * 1024 * 1024, "application/octet-stream")
    many = simulator.post("email", {"how_often": "many", "count": "40"}, [some])
    assert "over 32 MB" in problems_of(many.data.decode())["count"]


def test_form_over_the_limit_is_refused_before_it_is_read(simulator: Simulator) -> None:
    headers = {**simulator.browser.headers, "content-length": str(8 * 1024 * 1024 + 1)}
    url = f"{simulator.api.frontdesk.origin}/simulator"
    with urllib3.PoolManager(retries=False, timeout=10) as alone:
        response = alone.request("POST", url, headers=headers)
    assert response.status == 413
    assert b"may have 6 MB" in response.data


def test_hostile_text_is_text(simulator: Simulator) -> None:
    hostile = '"><script>alert(1)</script>'
    for fields in ({"body": hostile}, {"sender": hostile}, {"sent": hostile}):
        page = simulator.post("sms", fields).data.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_only_a_form_of_this_session_sends(simulator: Simulator) -> None:
    received = simulator.api.frontdesk.counted("WebhooksReceived")
    for token in ("", "0" * 64):
        for path in ("/simulator", "/simulator/demo"):
            assert simulator.post("sms", {"csrf_token": token}, path=path).status == 403
    assert simulator.post("sms", headers={"origin": "https://evil.example"}).status == 403
    assert simulator.post("sms", headers={"cookie": ""}).status == 401
    assert simulator.api.call("POST", "/simulator", {}).status == 401  # a program's token
    assert simulator.api.frontdesk.counted("WebhooksReceived") == received


def test_token_without_the_scope_or_without_all_companies_sends_nothing(tmp_path: Path) -> None:
    reader = given_token("reader", [Scope.READ])
    acme = given_token("acme", companies=["acme"])
    tokens = "\n".join((reader.line, acme.line))
    with running({"DATA_DIR": str(tmp_path), "API_TOKENS": tokens}) as api:
        reading = Simulator(api, reader.text)
        assert "may only read" in reading.page()
        assert 'href="/simulator"' not in reading.page()
        assert reading.post("sms").status == 403
        other = Simulator(api, acme.text)
        assert other.browser.call("GET", "/simulator").status == 403
        conversations = other.browser.call("GET", "/conversations").data.decode()
        assert 'href="/simulator"' not in conversations
        found = re.search(r'name="csrf_token" value="(\w+)"', conversations)
        assert found
        fields = {"csrf_token": found[1], "channel": "sms", "body": "Hi"}
        assert other.browser.post_form("/simulator", fields).status == 403
        assert api.frontdesk.counted("WebhooksReceived") == 0


@pytest.mark.parametrize(
    "secret", [{"SENDGRID_BASIC_AUTH": "user:invented-password"}, {"TWILIO_AUTH_TOKEN": "5" * 32}]
)
def test_simulator_is_absent_where_real_providers_post(
    tmp_path: Path, secret: dict[str, str]
) -> None:
    sid = {"TWILIO_ACCOUNT_SID": f"AC{'1' * 32}"}
    with running_locally(
        tmp_path, **secret, **(sid if "TWILIO_AUTH_TOKEN" in secret else {})
    ) as api:
        browser = Simulator(api, keep_local_token(tmp_path)).browser
        for path in ("/simulator", "/simulator/demo", "/simulator/any/thing"):
            response = browser.call("GET", path)
            assert response.status == 404
            assert "is for development" in response.data.decode()
        page = browser.call("GET", "/conversations").data.decode()
        assert 'href="/simulator"' not in page
        found = re.search(r'name="csrf_token" value="(\w+)"', page)
        assert found
        fields = {"csrf_token": found[1], "channel": "sms", "body": "Hi"}
        assert browser.post_form("/simulator", fields).status == 404
        assert api.frontdesk.counted("WebhooksReceived") == 0


@pytest.mark.parametrize("setting", [{"STORAGE": "dynamodb"}, {"QUEUE": "sqs"}])
def test_nothing_kept_on_aws_is_a_development_server(setting: dict[str, str]) -> None:
    from infrastructure.configuration.settings import Settings

    values: dict[str, Any] = {name.lower(): value for name, value in setting.items()}
    assert Settings().is_development
    assert not Settings(**values).is_development


class PigeonSimulation(Simulation):
    """A provider that is not there yet, with an option of each kind."""

    options = (
        SendOption("--ring-colour", "Of its ring.", (ChannelType.SMS,), choices=("red", "blue")),
        SendOption("--height", "In metres.", (ChannelType.SMS,), int, "METRES"),
        SendOption("--tired", "Whether it is.", (ChannelType.SMS,), is_flag=True),
        SendOption("--elsewhere", "Not here.", (ChannelType.WHATSAPP,)),
    )

    @override
    def webhooks(self, message: SimulatedMessage, settings: Any, read_secret: Any) -> Webhooks:
        raise SimulationError(f"no pigeon carries {dict(message.options)}", "--height")


class Pigeon(TwilioProvider):
    @override
    def simulation(self) -> Simulation:
        return PigeonSimulation()


def test_new_provider_has_its_form(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(channel_providers.PROVIDERS, ChannelType.SMS, Pigeon)
    page = simulator.page("?channel=sms")
    assert "Ring colour" in page
    assert "Elsewhere" not in page
    fields = {"option.ring_colour": "blue", "option.tired": "on", "option.height": "twelve"}
    response = simulator.post("sms", fields)
    assert "nvalid literal" in problems_of(response.data.decode())["option-height"]
    response = simulator.post("sms", {**fields, "option.height": "12"})
    assert problems_of(response.data.decode())["option-height"] == (
        "No pigeon carries {'ring_colour': 'blue', 'height': 12, 'tired': True, 'elsewhere': None}."
    )


def test_unknown_sender_becomes_unmatched_and_no_message_leaves(tmp_path: Path) -> None:
    with simulating(tmp_path) as simulator:
        assert "no open conversation of the sender" in text_of(simulator.page())
        page = simulator.send("sms")
        assert "unmatched" in text_of(page)
        assert "The fallback went to the file fallbacks.jsonl" in text_of(page)
        (message_id,) = sent_ids(page)
        opened = simulator.post("sms", {"sent": message_id}, path="/simulator/demo")
        assert "demo conversations are open" in text_of(opened.data.decode())
        assert len(simulator.api.get("/v1/conversations")["items"]) == 3
        assert sent_ids(opened.data.decode()) == [message_id]
        assert "delayed" in text_of(simulator.send("sms", {"sent": message_id}))


def test_ids_in_the_address_are_few_and_harmless(simulator: Simulator) -> None:
    from urllib.parse import quote

    many = "\n".join(f"SM{number:032x}" for number in range(300))
    assert len(sent_ids(simulator.page(f"?sent={quote(many)}"))) == 20
    for odd in ("%00", "..%2f..%2f", "x" * 900, "%F0%9F%90%A6", "%0A%0A"):
        simulator.page(f"?sent={odd}")
    assert simulator.browser.call("GET", f"/simulator?sent={'x' * 30_001}").status == 422
    assert simulator.browser.call("GET", "/simulator?channel=pigeon").status == 404
    assert simulator.browser.call("GET", "/simulator?example=nonsense").status == 200
