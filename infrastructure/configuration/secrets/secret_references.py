"""Secrets by reference: a setting that says where the secret is, instead of the secret."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

FILE = "file:"
SECRETS_MANAGER = "secretsmanager:"

ReadSecret = Callable[[str], str]
"""The secret behind a reference. Raises ``SecretsUnavailableError`` when it cannot be read at
the moment, and ``ValueError`` that says what is wrong with the reference."""

ReadNamedSecret = Callable[[str, str | None], str]
"""The secret of a name; of JSON, what is under a key. Raises as ``ReadSecret`` does."""


def is_reference(text: str) -> bool:
    """Whether ``text`` is ``file:PATH`` or ``secretsmanager:NAME``, and no secret itself."""
    return any(text.startswith(scheme) and text != scheme for scheme in (FILE, SECRETS_MANAGER))


class SecretReader:
    """Reads references. The secrets manager is opened with the first that needs it.

    ``secretsmanager:NAME`` is the whole secret, ``secretsmanager:NAME#KEY`` the text under a
    key of its JSON. NAME may be an ARN.
    """

    def __init__(self, open_secrets_manager: Callable[[], ReadNamedSecret]) -> None:
        self._open_secrets_manager = cache(open_secrets_manager)

    def __call__(self, reference: str) -> str:
        """The secret that ``reference`` leads to; raises as ``ReadSecret`` says."""
        if reference.startswith(FILE):
            return _read_file(Path(reference.removeprefix(FILE)))
        name, _, key = reference.removeprefix(SECRETS_MANAGER).partition("#")
        return self._open_secrets_manager()(name, key or None)


def _read_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"the file {path} cannot be read: {reason}") from error
