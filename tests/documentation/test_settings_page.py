"""The page about settings says what the code accepts."""

import json
import re
from enum import Enum
from pathlib import Path

import pytest

from domain.queues import ALL_QUEUES
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.access_tokens import parse_access_tokens
from infrastructure.configuration.setting_rules import RENAMED
from infrastructure.configuration.settings import VARIABLES, Settings, SettingsError, read_settings
from tests.documentation.documents import DOCUMENTS, README, blocks, cells, prose

PAGE = "docs/settings.md"
SINGLE_COMPANY, AWS = range(2)


def default_of(name: str) -> str:
    """The default of a setting, as the table writes it."""
    default = Settings.__dataclass_fields__[name].default
    if default is None or default == ():
        return "unset"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def exported(block: str) -> dict[str, str]:
    """The variables that a block exports."""
    lines = re.findall(r"^export (.*)$", block, re.M)
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(lines)))


def test_table_has_every_setting_with_its_default() -> None:
    rows = cells(PAGE, "## Environment variables")
    table = {variable: default for variable, default, _ in rows}
    assert table == {f"`{name.upper()}`": default_of(name) for name in VARIABLES}


def test_settings_for_real_providers_are_accepted(tmp_path: Path) -> None:
    environ = exported(blocks(PAGE, "sh")[SINGLE_COMPANY])
    key = json.loads(blocks(PAGE, "json")[0])["tenants"][0]["sendgrid"]["public_keys"][0]
    for name, value in environ.items():
        if value.startswith("file:"):
            (tmp_path / name).write_text(key)
            environ[name] = f"file:{tmp_path / name}"
    accounts = read_provider_accounts(read_settings(environ), secret_reader())
    (twilio,), (sendgrid,) = accounts.twilio, accounts.sendgrid
    assert len(twilio.auth_tokens) == len(sendgrid.public_keys) == 1


def test_readme_shows_the_same_settings_for_real_providers() -> None:
    assert blocks(README, "sh")[1] == blocks(PAGE, "sh")[SINGLE_COMPANY]


def test_settings_for_aws_are_accepted() -> None:
    settings = read_settings(exported(blocks(PAGE, "sh")[AWS]))
    assert (settings.storage, settings.queue) == ("dynamodb", "sqs")
    assert list(settings.queue_urls) == list(ALL_QUEUES)


def test_tenants_file_is_accepted(tmp_path: Path) -> None:
    content, _ = blocks(PAGE, "json")
    (tmp_path / "tenants.json").write_text(content)
    accounts = read_provider_accounts(
        read_settings({"TENANTS": f"file:{tmp_path / 'tenants.json'}"}), secret_reader()
    )
    owner = accounts.directory.owner_of_recipient("orders@acme.example")
    assert owner is not None
    assert owner.company_id == "acme"
    assert len(accounts.twilio) == 3
    assert len(accounts.sendgrid) == 2


def test_line_of_an_access_token_is_accepted() -> None:
    _, line = blocks(PAGE, "json")
    (token,) = parse_access_tokens(line).tokens
    assert (token.name, token.companies) == ("crm", frozenset({"acme"}))


def test_table_of_old_names_has_every_renamed_setting() -> None:
    rows = [(old.strip("`"), new.strip("`")) for old, new in cells(PAGE, "## Old names")]
    assert rows == list(RENAMED.items())


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_old_name_stops_the_start_with_the_new_name(old: str, new: str) -> None:
    with pytest.raises(SettingsError, match=f"{old} is now called {new}"):
        read_settings({old: "invented"})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_variable_that_a_document_names_is_a_setting(document: str) -> None:
    text = prose(document).partition("\n## Old names\n")[0]
    named = re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", text)
    # Of AWS's own tools, and of the guide's invented channel.
    known = {*VARIABLES, "aws_default_region", "pigeon_secret"}
    assert [name for name in named if name.lower() not in known] == []
