"""The channel of the guide works as it is written, and the guide misses no place."""

import re
from dataclasses import replace

from application.ports.webhook_parser import WebhookParserFactory
from domain.channels import ChannelType
from domain.tenants import TenantDirectory
from tests.application.frontdesk import FrontDesk
from tests.builders import a_tenant
from tests.documentation.documents import ROOT, blocks, cells, files, imported, text_of

GUIDE = "docs/adding-a-channel.md"
NAMED = re.compile(r"ChannelType\.(WHATSAPP|SMS|EMAIL)\b")

_modules = {path: imported(path, code) for path, code in files(GUIDE).items()}
_contract = _modules["tests/infrastructure/channels/pigeon/test_contract.py"]

# Its name makes pytest run the contract on the parser of the guide.
TestPigeonWebhookParser = _contract.TestPigeonWebhookParser


def a_desk_with_pigeon() -> FrontDesk:
    """A front desk whose SMS come from the guide's provider."""
    tenant = a_tenant(accounts=frozenset({"pigeon"}))
    desk = FrontDesk(directory=TenantDirectory((tenant,)))
    parsers = WebhookParserFactory({ChannelType.SMS: lambda: _contract.PARSER})
    desk.receive_webhook = replace(
        desk.receive_webhook,
        parsers=parsers,
        process_webhook=replace(desk.process_webhook, parsers=parsers),
    )
    return desk


def test_a_webhook_of_the_guide_reaches_the_replies_queue_once() -> None:
    desk = a_desk_with_pigeon()
    desk.knows()
    answers = [desk.receive_webhook(_contract.WEBHOOK) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    (context,) = desk.queued()["sms-replies"]
    assert (context.message.sender, context.message.body) == ("+14155550123", "Olá")


def test_a_forged_webhook_of_the_guide_is_refused() -> None:
    desk = a_desk_with_pigeon()
    desk.knows()
    assert desk.receive_webhook(replace(_contract.WEBHOOK, body=b"{}")).status == 401
    assert desk.queued() == {}


def test_the_guide_names_every_file_that_knows_the_channels_by_name() -> None:
    listed = {row[0].strip("`") for row in cells(GUIDE, "## A channel of a new kind")}
    layers = ("domain", "application", "infrastructure", "entrypoints")
    paths = [path for layer in layers for path in (ROOT / layer).rglob("*.py")]
    knowing = {
        str(path.relative_to(ROOT))
        for path in paths
        if "channels" not in path.relative_to(ROOT).parts and NAMED.search(path.read_text("utf-8"))
    }
    assert knowing == listed


def test_the_files_for_secrets_are_there() -> None:
    for name, _ in cells(GUIDE, "## 3. Secrets"):
        assert (ROOT / name.strip("`")).is_file()


def test_the_lines_for_the_container_are_those_of_the_container() -> None:
    container = (ROOT / "entrypoints" / "composition" / "container.py").read_text("utf-8")
    (lines,) = (block for block in blocks(GUIDE, "python") if "_pigeon_parser" in block)
    retained = [line for line in lines.splitlines() if "igeon" not in line and line.strip(" .")]
    missing = [line for line in retained if f"{line}\n" not in container]
    assert missing == []


def test_the_command_for_the_schema_writes_the_schema() -> None:
    (command,) = blocks(GUIDE, "console")
    code = re.search(r"-c '(.*)'", command)
    assert code is not None
    printed: list[str] = []
    exec(code[1], {"print": printed.append})
    assert printed == [text_of("docs/context-object.schema.json").rstrip("\n")]
