"""Companies and their provider accounts, from variables or from a file."""

import json
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import SecretsUnavailableError
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.provider_accounts import ProviderAccounts, read_provider_accounts
from infrastructure.configuration.secrets.development_secret import (
    FILE_NAME,
    keep_development_credentials,
    read_development_credentials,
)
from infrastructure.configuration.settings import SettingsError, read_settings
from tests.emulators import EmulatedAws, unique_name

SID = "AC" + "1" * 32
OTHER_SID = "AC" + "2" * 32
TWILIO = {"account_sid": SID, "auth_tokens": ["token"]}
MAIL = {"account": "mail", "basic_auth": ["u:p"]}


def a_company(name: str = "acme", **changes: Any) -> dict[str, Any]:
    return {"company_id": name, "recipients": [f"{name}.example"], "twilio": TWILIO, **changes}


def provider_accounts_of(tmp_path: Path, *companies: dict[str, Any]) -> ProviderAccounts:
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({"tenants": companies}))
    return read_provider_accounts(read_settings({"TENANTS": f"file:{file}"}), secret_reader())


def test_development_account_is_used_without_secrets(tmp_path: Path) -> None:
    provider_accounts = read_provider_accounts(
        read_settings({"DATA_DIR": str(tmp_path)}), secret_reader()
    )
    credentials = read_development_credentials(tmp_path)

    assert provider_accounts.directory.has_one_company
    assert provider_accounts.twilio[0].account_sid == credentials.twilio_account_sid
    assert provider_accounts.sendgrid[0].public_keys == (credentials.sendgrid_public_key,)


def test_development_account_is_not_used_with_any_real_secret(tmp_path: Path) -> None:
    environ = {
        "DATA_DIR": str(tmp_path),
        "SENDGRID_BASIC_AUTH": "u:p",
        "OWN_ADDRESSES": "us.example",
    }
    provider_accounts = read_provider_accounts(read_settings(environ), secret_reader())

    assert provider_accounts.twilio == ()
    assert not (tmp_path / FILE_NAME).exists()
    assert provider_accounts.own_addresses.include(Address.parse(ChannelType.EMAIL, "a@us.example"))


def test_development_secret_is_created_once_in_a_private_file(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "data"
    with ThreadPoolExecutor(8) as pool:
        retained = list(pool.map(lambda _: keep_development_credentials(directory), range(32)))

    assert len(set(retained)) == 1
    assert stat.S_IMODE((directory / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == [FILE_NAME]
    assert retained[0].secret.hex() not in repr(retained[0])


@pytest.mark.parametrize("content", ["not hex", "abcd"])
def test_malformed_development_secret_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(SecretsUnavailableError, match="remove"):
        keep_development_credentials(tmp_path)


def test_development_secret_does_not_exist_before_the_server_creates_it(tmp_path: Path) -> None:
    with pytest.raises(SecretsUnavailableError, match="frontdesk serve"):
        read_development_credentials(tmp_path)


def test_companies_are_read_from_a_file(tmp_path: Path) -> None:
    sendgrid = {"account": "mail", "basic_auth": ["u:p"]}
    provider_accounts = provider_accounts_of(
        tmp_path,
        a_company(recipients=["whatsapp:+15005550006", "Help@Acme.example"]),
        a_company("globex", twilio=None, sendgrid=sendgrid),
    )
    acme, globex = provider_accounts.directory.tenants

    assert acme.recipients == {"+15005550006", "help@acme.example"}
    assert globex.accounts == {"mail"}
    assert not provider_accounts.directory.has_one_company
    assert [account.account_sid for account in provider_accounts.twilio] == [SID]


def test_company_may_have_several_twilio_accounts(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of a subaccount\n")
    subaccount = {"account_sid": OTHER_SID, "auth_tokens": [f"file:{tmp_path / 'token'}"]}
    provider_accounts = provider_accounts_of(
        tmp_path,
        a_company(twilio=[TWILIO, subaccount], sendgrid=MAIL),
        a_company("globex", twilio=[TWILIO]),
    )
    acme, globex = provider_accounts.directory.tenants

    assert acme.accounts == {SID, OTHER_SID, "mail"}
    assert globex.accounts == {SID}
    tokens = [account.auth_tokens[0].get_secret_value() for account in provider_accounts.twilio]
    assert tokens == ["token", "of a subaccount", "token"]


@pytest.mark.parametrize(
    ("companies", "problem"),
    [
        ([], "tenants"),
        ([a_company(recipients=[])], "recipients"),
        ([a_company(recipients=["a b@c"])], "not an address"),
        ([a_company(colour="red")], "colour"),
        ([a_company(twilio=None)], "neither a twilio nor a sendgrid"),
        ([a_company(sendgrid={"account": "m"})], "neither public_keys nor basic_auth"),
        ([a_company(twilio={**TWILIO, "account_sid": "AC1"})], "AC and 32 hex digits"),
        ([a_company(twilio={**TWILIO, "auth_tokens": [""]})], r"twilio\.auth_tokens\.0"),
        ([a_company(twilio=[])], "neither a twilio nor a sendgrid"),
        ([a_company(twilio=[TWILIO, {**TWILIO, "auth_tokens": ["b"]}])], "account twice"),
        ([a_company(twilio=[TWILIO, {"account_sid": OTHER_SID}])], r"twilio\.1\.auth_tokens"),
        ([a_company(twilio=[SID])], r"twilio\.0"),
        ([a_company(twilio=SID)], "twilio: "),
        ([a_company(sendgrid={**MAIL, "public_keys": ["a key"]})], "must be public keys in base64"),
        ([a_company(sendgrid={**MAIL, "basic_auth": ["no-colon"]})], "must be user:password"),
        ([a_company(sendgrid={**MAIL, "api_key": "a-key"})], "mail_from is missing"),
        ([a_company(sendgrid={**MAIL, "mail_from": "nobody"})], r"sendgrid\.mail_from"),
        ([a_company(twilio={**TWILIO, "auth_tokens": ["file:/no/such"]})], "cannot be read"),
        ([a_company(), a_company("globex", recipients=["acme.example"])], "same recipient"),
    ],
)
def test_invalid_tenants_file_is_refused_with_its_problem(
    tmp_path: Path, companies: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        provider_accounts_of(tmp_path, *companies)


@pytest.mark.parametrize("field", ["public_keys", "basic_auth"])
def test_invalid_secret_in_the_tenants_file_is_not_shown(tmp_path: Path, field: str) -> None:
    company = a_company(sendgrid={**MAIL, field: ["hunter2"]})
    with pytest.raises(SettingsError) as caught:
        provider_accounts_of(tmp_path, company)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_secrets_in_the_tenants_file_may_be_references(tmp_path: Path) -> None:
    key = keep_development_credentials(tmp_path).sendgrid_public_key
    references = {}
    for name, secret in {"token": "t", "key": key, "pair": "u:p", "api": "a"}.items():
        (tmp_path / name).write_text(f"{secret}\n")
        references[name] = f"file:{tmp_path / name}"
    company = a_company(
        twilio={"account_sid": SID, "auth_tokens": [references["token"], "older"]},
        sendgrid={
            "account": "mail",
            "public_keys": [references["key"]],
            "basic_auth": [references["pair"]],
            "api_key": references["api"],
            "mail_from": "help@acme.example",
        },
    )
    accounts = provider_accounts_of(tmp_path, company)
    assert [token.get_secret_value() for token in accounts.twilio[0].auth_tokens] == ["t", "older"]
    (mail,) = accounts.sendgrid
    assert mail.api_key is not None
    assert (mail.public_keys, mail.api_key.get_secret_value()) == ((key,), "a")
    assert [pair.get_secret_value() for pair in mail.basic_auth] == ["u:p"]


def test_unavailable_secret_reference_is_a_temporary_error(tmp_path: Path) -> None:
    def read_secret(reference: str) -> str:
        if reference.startswith("file:"):
            return json.dumps({"tenants": [company]})
        raise SecretsUnavailableError("Secrets Manager is down")

    company = a_company(twilio={"account_sid": SID, "auth_tokens": ["secretsmanager:acme"]})
    with pytest.raises(SecretsUnavailableError):
        read_provider_accounts(read_settings({"TENANTS": "file:tenants.json"}), read_secret)


def test_missing_or_malformed_tenants_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for name in ("none.json", "broken.json"):
        with pytest.raises(SettingsError, match="TENANTS"):
            read_provider_accounts(
                read_settings({"TENANTS": f"file:{tmp_path / name}"}), secret_reader()
            )


def test_provider_accounts_have_the_secrets_of_the_time_of_reading(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = read_settings({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": f"file:{file}"})
    tokens = []
    for token in ("first", "second"):
        file.write_text(token)
        (account,) = read_provider_accounts(settings, secret_reader()).twilio
        tokens += [text.get_secret_value() for text in account.auth_tokens]
    assert tokens == ["first", "second"]


def test_companies_are_read_from_secrets_manager(
    aws: EmulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unique_name("tenants")
    text = json.dumps({"tenants": [a_company()]})
    aws.secrets_manager.create_secret(Name=name, SecretString=text)
    for variable, value in aws.environ.items():
        monkeypatch.setenv(variable, value)

    provider_accounts = read_provider_accounts(
        read_settings({"TENANTS": f"secretsmanager:{name}"}), secret_reader()
    )
    assert [tenant.company_id for tenant in provider_accounts.directory.tenants] == ["acme"]


def test_text_that_is_not_a_tenants_file_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "tenants.json"
    file.write_text("hunter2")
    with pytest.raises(SettingsError) as caught:
        read_provider_accounts(read_settings({"TENANTS": f"file:{file}"}), secret_reader())
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_invalid_own_address_is_reported_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OWN_ADDRESSES"):
        read_provider_accounts(
            read_settings({"DATA_DIR": str(tmp_path), "OWN_ADDRESSES": "a@b@c d"}), secret_reader()
        )
