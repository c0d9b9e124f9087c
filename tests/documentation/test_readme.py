"""The commands, output, settings and links of the README are correct."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

from domain.routing import ALL_QUEUES
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.settings import Settings, read_settings
from tests.documentation.documents import ROOT, blocks, cells, text_of
from tests.documentation.session import ORIGIN, Session, normalised, session, steps

README = "README.md"
DOCUMENTS = [README, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("reader")) as reader:
        yield reader


def test_make_run_prints_what_the_readme_shows(reader: Session) -> None:
    ((command, shown),) = steps(blocks(README, "console")[0])
    assert command == "make run"
    assert normalised(reader.shown.replace(reader.origin, ORIGIN)) == normalised(shown)


def test_commands_of_the_readme_print_what_it_shows(reader: Session) -> None:
    expected, got = [], []
    for block in blocks(README, "console")[1:]:
        for command, output in steps(block):
            expected.append(f"$ {command}\n{normalised(output)}")
            got.append(f"$ {command}\n{normalised(reader.run(command))}")
    assert "\n".join(got) == "\n".join(expected)
    (line,) = blocks(README, "jsonl")
    assert normalised(line) in normalised(reader.log()).splitlines()


def default_of(name: str) -> str:
    """The default of a setting, in the table's notation."""
    default = Settings.model_fields[name].default
    if default is None or default == ():
        return "unset"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def test_readme_lists_every_setting_with_its_default() -> None:
    table = {variable: default for variable, default, _ in cells(README, "## Settings")}
    assert table == {f"`{name.upper()}`": default_of(name) for name in Settings.model_fields}


def exported(block: str) -> dict[str, str]:
    """The variables that a block exports."""
    lines = re.findall(r"^export (.*)$", block, re.M)
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(lines)))


def test_settings_for_real_providers_in_the_readme_are_accepted(tmp_path: Path) -> None:
    environ = exported(blocks(README, "sh")[0])
    key = json.loads(blocks(README, "json")[0])["tenants"][0]["sendgrid"]["public_keys"][0]
    for name, value in environ.items():
        if value.startswith("file:"):
            (tmp_path / name).write_text(key)
            environ[name] = f"file:{tmp_path / name}"
    provider_accounts = read_provider_accounts(read_settings(environ), secret_reader())
    (twilio,), (sendgrid,) = (
        provider_accounts.twilio,
        provider_accounts.sendgrid,
    )
    assert len(twilio.auth_tokens) == len(sendgrid.public_keys) == 1


def test_settings_for_aws_in_the_readme_are_accepted() -> None:
    settings = read_settings(exported(blocks(README, "sh")[1]))
    assert (settings.storage, settings.queue) == ("dynamodb", "sqs")
    assert list(settings.queue_urls) == list(ALL_QUEUES)


def test_tenants_file_of_the_readme_is_accepted(tmp_path: Path) -> None:
    (content,) = blocks(README, "json")
    (tmp_path / "tenants.json").write_text(content)
    provider_accounts = read_provider_accounts(
        read_settings({"TENANTS": f"file:{tmp_path / 'tenants.json'}"}), secret_reader()
    )
    owner = provider_accounts.directory.owner_of_recipient("orders@acme.example")
    assert owner is not None
    assert owner.company_id == "acme"
    assert len(provider_accounts.twilio) == len(provider_accounts.sendgrid) == 2


def anchors(document: Path) -> set[str]:
    """The link anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_the_document_leads_to_an_existing_heading_or_file(document: str) -> None:
    here = ROOT / document
    for path, anchor in _LINK.findall(text_of(document)):
        target = here.parent / path if path else here
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor
