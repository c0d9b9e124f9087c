"""The channel of the guide works, and the guide names every file to change."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from application.ports.webhook_parser import WebhookParserFactory, WebhookRequest
from domain.channels import ChannelType
from domain.errors import ValidationError
from domain.tenants import TenantDirectory
from infrastructure.channels.provider import SimulatedMessage, SimulatedRequest
from infrastructure.configuration.secrets.secret import Secret
from tests.application.frontdesk import FrontDesk
from tests.builders import NOW, a_tenant
from tests.documentation.documents import ROOT, blocks, cells, files, imported, text_of

GUIDE = "docs/adding-a-channel.md"
NAMED = re.compile(
    r"ChannelType\.(WHATSAPP|SMS|EMAIL)\b"
    r"|(?i:\b(whatsapp|sms|email)_?(replies|handoff)|fallback_text_(whatsapp|sms|email))"
)
"""A member of the enum, or a setting or resource named after a channel."""

ABOUT_CHANNELS = ("infrastructure/channels/", "infrastructure/mail/")
"""Providers know their own channels, and the mail reader is for email alone."""

EXCERPT = re.compile(r"^In `(?P<path>[\w/.]+)`:\n\n```python\n(?P<code>.*?)^```$", re.M | re.S)

_modules = {path: imported(path, code) for path, code in files(GUIDE).items()}
_contract = _modules["tests/infrastructure/channels/pigeon/test_contract.py"]

# Its name makes pytest run the contract on the parser of the guide.
TestPigeonWebhookParser = _contract.TestPigeonWebhookParser


def a_frontdesk_with_pigeon() -> FrontDesk:
    """A front desk whose SMS come from the guide's provider."""
    tenant = a_tenant(accounts=frozenset({"pigeon"}))
    frontdesk = FrontDesk(directory=TenantDirectory((tenant,)))
    parsers = WebhookParserFactory({ChannelType.SMS: lambda: _contract.PARSER})
    frontdesk.receive_webhook = replace(
        frontdesk.receive_webhook,
        parsers=parsers,
        process_webhook=replace(frontdesk.process_webhook, parsers=parsers),
    )
    return frontdesk


def test_webhook_of_the_guide_reaches_the_replies_queue_once() -> None:
    frontdesk = a_frontdesk_with_pigeon()
    frontdesk.given_conversation()
    responses = [frontdesk.receive_webhook(_contract.WEBHOOK) for _ in range(2)]
    assert [response.status for response in responses] == [200, 200]
    (context,) = frontdesk.queued()["sms-replies"]
    assert (context.message.sender, context.message.body) == ("+14155550123", "Olá")


def test_forged_webhook_of_the_guide_is_refused() -> None:
    frontdesk = a_frontdesk_with_pigeon()
    frontdesk.given_conversation()
    assert frontdesk.receive_webhook(replace(_contract.WEBHOOK, body=b"{}")).status == 401
    assert frontdesk.queued() == {}


def posted(request: SimulatedRequest) -> WebhookRequest:
    headers = tuple(request.headers.items())
    return WebhookRequest("POST", request.url, headers, request.body, NOW)


@pytest.mark.parametrize("tamper", [False, True])
def test_provider_of_the_guide_simulates_webhooks_for_its_parser(tamper: bool) -> None:
    provider = _modules["infrastructure/channels/pigeon/provider.py"].PROVIDER
    secret = Secret(_contract.SECRET)
    accounts = SimpleNamespace(pigeon=_contract.PARSER.accounts())
    parser = provider.parser(ChannelType.SMS, lambda: accounts, None, None)
    message = SimulatedMessage(
        channel=ChannelType.SMS,
        url=_contract.WEBHOOK.url,
        sender="+14155550123",
        sender_name=None,
        recipient="+15005550006",
        body="Olá",
        message_id="p-3",
        tamper=tamper,
        options={option.key: None for option in provider.simulation().options},
    )
    settings = SimpleNamespace(pigeon_secret=secret)
    request = provider.simulation().webhooks(message, settings, read_secret=str)()
    if tamper:
        with pytest.raises(ValidationError):
            parser.validate(posted(request))
    else:
        parser.validate(posted(request))
    assert request.message_id == "p-3"


def files_with(*patterns: re.Pattern[str]) -> set[str]:
    """The files of the product and its deployment in which each of ``patterns`` occurs."""
    layers = ("domain", "application", "infrastructure", "entrypoints", "deploy")
    paths = [
        path
        for layer in layers
        for suffix in ("*.py", "*.yaml")
        for path in (ROOT / layer).rglob(suffix)
        if all(pattern.search(path.read_text("utf-8")) for pattern in patterns)
    ]
    names = {path.relative_to(ROOT).as_posix() for path in paths}
    return {name for name in names if not name.startswith(ABOUT_CHANNELS)}


def test_guide_names_every_file_that_contains_the_names_of_channels() -> None:
    listed = {row[0].strip("`") for row in cells(GUIDE, "## 6. A channel of a new kind")}
    assert files_with(NAMED) == listed


def test_guide_names_every_file_that_contains_the_names_of_providers() -> None:
    of_secrets = {row[0].strip("`") for row in cells(GUIDE, "## 4. Secrets")}
    of_composition = {excerpt["path"] for excerpt in EXCERPT.finditer(text_of(GUIDE))}
    knowing = files_with(re.compile("(?i)twilio"), re.compile("(?i)sendgrid"))
    product = {name for name in knowing if not name.startswith("deploy/")}
    assert of_secrets | of_composition == product | {"docs/settings.md"}


@pytest.mark.parametrize("excerpt", [*EXCERPT.finditer(text_of(GUIDE))], ids=lambda it: it["path"])
def test_lines_around_each_addition_in_the_guide_are_in_the_file(excerpt: re.Match[str]) -> None:
    text = (ROOT / excerpt["path"]).read_text("utf-8")
    remaining = [line for line in excerpt["code"].splitlines() if "igeon" not in line]
    missing = [line for line in remaining if line.strip(" .") and f"{line}\n" not in text]
    assert missing == []


def test_schema_command_of_the_guide_writes_the_schema() -> None:
    (command,) = blocks(GUIDE, "console")
    code = re.search(r"-c '(.*)'", command)
    assert code is not None
    printed: list[str] = []
    exec(code[1], {"print": printed.append})
    assert printed == [text_of("docs/context-object.schema.json").rstrip("\n")]
