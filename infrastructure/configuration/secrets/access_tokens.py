"""The access tokens of the API: who may, and what. Only hashes of tokens are kept."""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

_PREFIX: Final = "frontdesk_"
"""Tells a scanner of repositories and logs what it has found."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = frozenset({"name", "scopes", "companies", "sha256"})


class Scope(StrEnum):
    """What a token may do: look, or change something. Neither includes the other."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token under the name that the operator gave it; ``sha256`` is its hash in hex.

    With ``companies`` it sees what belongs to one of these alone; with ``None`` everything.
    """

    name: str
    scopes: frozenset[Scope]
    sha256: str = field(repr=False)
    companies: frozenset[str] | None = None

    def may_see(self, company_id: str | None) -> bool:
        """Whether it may see what belongs to this company, or with ``None`` to no known one."""
        return self.companies is None or company_id in self.companies


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Every token that is accepted."""

    tokens: tuple[AccessToken, ...] = ()

    def identify(self, text: str) -> AccessToken | None:
        """The token that ``text`` is. It takes as long for a wrong one as for a right one."""
        digest = hash_of(text)
        found = None
        for token in self.tokens:
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def named(self, name: str) -> AccessToken | None:
        """The token with this name."""
        return next((token for token in self.tokens if token.name == name), None)


def new_token() -> str:
    """A token of 32 random bytes."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What is kept of a token: enough, because nobody guesses 32 random bytes."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token_name(text: str) -> bool:
    """Whether a token may have this name: it stands in log lines."""
    return _NAME.fullmatch(text) is not None


def token_line(token: AccessToken) -> str:
    """The line of ``API_TOKENS`` for ``token``."""
    companies = {} if token.companies is None else {"companies": sorted(token.companies)}
    return json.dumps(
        {"name": token.name, "scopes": sorted(token.scopes), **companies, "sha256": token.sha256}
    )


def parse_access_tokens(text: str) -> AccessTokens:
    """The tokens in ``text``: a JSON object in each line.

    Raises ``ValueError`` that says which line is wrong and never shows it.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    tokens = tuple(_token(number, line) for number, line in enumerate(lines, 1))
    names = [token.name for token in tokens]
    if not tokens:
        raise ValueError("must have a line at least: 'frontdesk tokens create' prints it")
    if len({*names}) < len(names):
        raise ValueError("must not give a name to two tokens")
    return AccessTokens(tokens)


def _token(number: int, line: str) -> AccessToken:
    def wrong(what: str) -> ValueError:
        return ValueError(f"line {number} {what}: 'frontdesk tokens create' prints such lines")

    try:
        entry: Any = json.loads(line)
    except ValueError:
        raise wrong("must be a JSON object") from None
    if not isinstance(entry, dict) or not entry.keys() <= _KEYS:
        raise wrong("must be a JSON object of name, scopes, companies and sha256")
    name, sha256 = entry.get("name"), entry.get("sha256")
    if not (isinstance(name, str) and is_token_name(name)):
        raise wrong("must have a name of letters, digits, '.', '_' and '-', 64 at most")
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise wrong("must have the sha256 of a token, 64 lower-case hex digits")
    scopes = _texts(entry.get("scopes"))
    if not scopes or not scopes <= {*Scope}:
        raise wrong("must have scopes: a list of 'read' and 'write'")
    companies = _texts(entry["companies"]) if "companies" in entry else None
    if companies is not None and not companies:
        raise wrong("must have a company in companies at least, or no companies")
    return AccessToken(name, frozenset(map(Scope, scopes)), sha256, companies)


def _texts(value: object) -> frozenset[str]:
    """The texts in a list; empty if it is none, or if anything else is in it."""
    if not (isinstance(value, list) and all(isinstance(one, str) and one for one in value)):
        return frozenset()
    return frozenset(value)
