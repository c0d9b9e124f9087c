"""Access tokens are read from the settings, or made in the data directory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import SecretsUnavailableError
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.api_access import (
    read_access_tokens,
    read_or_keep_session_key,
)
from infrastructure.configuration.secrets.access_tokens import (
    AccessToken,
    AccessTokens,
    Scope,
    hash_of,
    new_token,
    parse_access_tokens,
    token_line,
)
from infrastructure.configuration.settings import Settings, SettingsError, read_settings
from tests.contracts.concurrency import at_once

TEXT = "an-invented-token"
LINE = {"name": "crm", "scopes": ["read"], "sha256": hash_of(TEXT)}
AWS = {"STORAGE": "dynamodb", "QUEUE": "sqs"}


def tokens_of(**environ: str) -> AccessTokens:
    return read_access_tokens(read_settings(environ), secret_reader())


def test_line_of_a_token_is_read_as_that_token() -> None:
    token = AccessToken("crm", frozenset({Scope.WRITE}), hash_of(TEXT), frozenset({"a b", "ü"}))
    assert parse_access_tokens(token_line(token)).tokens == (token,)


def test_tokens_are_identified_and_shown_to_nobody() -> None:
    tokens = tokens_of(API_TOKENS=f"\n{json.dumps(LINE)}\n")
    token = tokens.identify(TEXT)
    assert token is not None
    assert token.name == "crm"
    for wrong in ("", TEXT + "x", hash_of(TEXT), new_token()):
        assert tokens.identify(wrong) is None
    assert hash_of(TEXT) not in repr(tokens)


WRONG: list[tuple[str, str]] = [
    ("x", "line 1 must be a JSON object"),
    ("[]", "line 1 must be a JSON object of name"),
    (json.dumps({**LINE, "name": "a b"}), "line 1 must have a name"),
    (json.dumps({**LINE, "name": 1}), "line 1 must have a name"),
    (json.dumps({**LINE, "sha256": TEXT}), "line 1 must have the sha256"),
    (json.dumps({**LINE, "scopes": []}), "line 1 must have scopes"),
    (json.dumps({**LINE, "scopes": ["admin"]}), "line 1 must have scopes"),
    (json.dumps({**LINE, "scopes": "read"}), "line 1 must have scopes"),
    (json.dumps({**LINE, "companies": []}), "line 1 must have a company"),
    (json.dumps({**LINE, "companies": None}), "line 1 must have a company"),
    (json.dumps({**LINE, "companies": ["acme", 1]}), "line 1 must have a company"),
    (json.dumps({**LINE, "token": TEXT}), "line 1 must be a JSON object of name"),
    (f"{json.dumps(LINE)}\n{json.dumps(LINE)}", "must not give a name to two tokens"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_line_stops_the_start_and_is_not_shown(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({"API_TOKENS": text})
    assert f"API_TOKENS: {message}" in str(raised.value)
    assert TEXT not in str(raised.value)


def test_wrong_file_is_named_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("\n")
    with pytest.raises(SettingsError, match="API_TOKENS: must have a line"):
        tokens_of(API_TOKENS=f"file:{file}")


def test_embedded_backends_have_one_local_token_of_their_own(tmp_path: Path) -> None:
    (token,) = tokens_of(DATA_DIR=str(tmp_path / "data")).tokens
    file = tmp_path / "data" / "api-token"
    assert token.name == "local"
    assert token.scopes == {Scope.READ, Scope.WRITE}
    assert token.companies is None
    assert hash_of(file.read_text()) == token.sha256
    assert file.stat().st_mode & 0o777 == 0o600


def test_simultaneous_starts_have_the_same_token_and_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert len(set(at_once([lambda: tokens_of(DATA_DIR=str(tmp_path))] * 8))) == 1
    keys = at_once([lambda: read_or_keep_session_key(settings, secret_reader())] * 8)
    assert len(set(keys)) == 1
    assert (tmp_path / "session-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("storage_or_queue", [{"storage": "dynamodb"}, {"queue": "sqs"}])
def test_aws_backends_without_tokens_let_nobody_in(
    tmp_path: Path, storage_or_queue: dict[str, str]
) -> None:
    settings = Settings(data_dir=tmp_path, **storage_or_queue)  # type: ignore[arg-type]  # two of the fields
    assert read_access_tokens(settings, secret_reader()) == AccessTokens()
    assert not settings.has_local_token
    assert list(tmp_path.iterdir()) == []


def test_session_key_is_given_where_several_hosts_serve(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("ab" * 32)
    for text in ("ab" * 32, f"file:{file}"):
        settings = read_settings({"SESSION_KEY": text, "DATA_DIR": str(tmp_path / "none")})
        assert read_or_keep_session_key(settings, secret_reader()) == b"\xab" * 32
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", ["ab", "x" * 64, "ab" * 33])
def test_weak_session_key_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="SESSION_KEY: must be 64 hex digits") as raised:
        read_settings({"SESSION_KEY": text})
    assert text * 2 not in str(raised.value)


Read = Callable[[Settings], object]


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, b"not hex " * 8])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("api-token", lambda settings: read_access_tokens(settings, secret_reader())),
        ("session-key", lambda settings: read_or_keep_session_key(settings, secret_reader())),
    ],
)
def test_broken_file_lets_nobody_in(tmp_path: Path, name: str, read: Read, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SecretsUnavailableError, match=name):
        read(Settings(data_dir=tmp_path))
