"""Who may use the API, from the settings: the access tokens, and the key that signs sessions."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from domain.errors import SecretsUnavailableError
from infrastructure.configuration.secrets.access_tokens import (
    AccessToken,
    AccessTokens,
    Scope,
    hash_of,
    new_token,
    parse_access_tokens,
)
from infrastructure.configuration.secrets.secret_references import ReadSecret, is_reference
from infrastructure.configuration.setting_values import read_session_key
from infrastructure.configuration.settings import Settings, SettingsError
from infrastructure.durable_files import create_file

TOKEN_FILE = "api-token"  # noqa: S105 - the name of a file
SESSION_KEY_FILE = "session-key"
LOCAL_NAME = "local"
"""The name of the token in the data directory."""

_TOKEN = re.compile(r"[!-~]{32,128}")
_KEY = re.compile(r"[0-9a-f]{64}")


def read_access_tokens(settings: Settings, read_secret: ReadSecret) -> AccessTokens:
    """The tokens that are accepted now: those of ``API_TOKENS``, else the local one.

    Without either, as on AWS, there is none. Raises ``SettingsError`` and
    ``SecretsUnavailableError``.
    """
    if settings.api_tokens is None:
        if not settings.has_local_token:
            return AccessTokens()
        local = keep_local_token(settings.data_dir)
        return AccessTokens((AccessToken(LOCAL_NAME, frozenset(Scope), hash_of(local)),))
    text = settings.api_tokens.get_secret_value()
    try:
        return parse_access_tokens(read_secret(text) if is_reference(text) else text)
    except ValueError as error:
        raise SettingsError([f"API_TOKENS: {error}"]) from error


def keep_local_token(data_dir: Path) -> str:
    """The token kept in ``data_dir``, made there (mode 0600) if there is none.

    Raises ``SecretsUnavailableError``.
    """
    return _secret_in_file(data_dir / TOKEN_FILE, _TOKEN, new_token)


def read_or_keep_session_key(settings: Settings, read_secret: ReadSecret) -> bytes:
    """The key that signs sessions: ``SESSION_KEY``, else 32 random bytes in the data directory.

    Raises ``SettingsError`` and ``SecretsUnavailableError``.
    """
    if settings.session_key is None:
        path = settings.data_dir / SESSION_KEY_FILE
        return bytes.fromhex(_secret_in_file(path, _KEY, lambda: secrets.token_hex(32)))
    text = settings.session_key.get_secret_value()
    try:
        return read_session_key(read_secret(text) if is_reference(text) else text)
    except ValueError as error:
        raise SettingsError([f"SESSION_KEY: {error}"]) from error


def _secret_in_file(path: Path, pattern: re.Pattern[str], make: Callable[[], str]) -> str:
    """The secret text in a file, which matches ``pattern``; made there (mode 0600) if missing.

    Of two processes that start at once, one makes it and both use the same. Raises
    ``SecretsUnavailableError``.
    """
    try:
        if not path.exists():
            create_file(path, make().encode())
        text = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise SecretsUnavailableError(
            f"{path} cannot be read or made: make the data directory writable",
            needs_operator=True,
        ) from error
    if not pattern.fullmatch(text):
        raise SecretsUnavailableError(
            f"{path} is not as it was made: remove it to get a new one", needs_operator=True
        )
    return text
