"""Sessions of browsers: a signed cookie that holds no token."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer

from infrastructure.configuration.secrets.access_tokens import AccessToken, AccessTokens

LIFETIME = timedelta(hours=12)
SECURE_NAME = "__Host-frontdesk"
"""Browsers take it over https alone, and from no other host."""
_PLAIN_PREFIX = "frontdesk-"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that signed in with ``token``. ``csrf_token`` proves that a page of ours asks."""

    token: AccessToken
    csrf_token: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes and reads the values of the cookie, with a ``key`` of 32 bytes.

    Nothing is stored: every worker, and every host with the same key, reads them alike.
    """

    key: bytes

    def begin(self, token: AccessToken, now: datetime) -> str:
        """The cookie of a new session."""
        content = {
            "id": secrets.token_urlsafe(16),
            "token": token.name,
            "mark": self._mark(token),
            "ends": int((now + LIFETIME).timestamp()),
        }
        return self._serializer.dumps(content)

    def read(self, cookie: str, tokens: AccessTokens, now: datetime) -> Session | None:
        """The session; ``None`` if it is over, forged, or if its token is not valid any more."""
        try:
            content: Any = self._serializer.loads(cookie)
        except BadData:
            return None
        token = tokens.named(content["token"])
        ends_at = datetime.fromtimestamp(content["ends"], now.tzinfo)
        if token is None or not now < ends_at <= now + LIFETIME:
            return None
        if not hmac.compare_digest(self._mark(token), content["mark"]):
            return None
        return Session(token, self._digest("csrf", content["id"]), ends_at)

    @property
    def _serializer(self) -> URLSafeSerializer:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeSerializer(self.key, salt="frontdesk session", signer_kwargs=options)

    def _mark(self, token: AccessToken) -> str:
        """Tells a token from a later one with its name."""
        return self._digest("token", token.sha256)

    def _digest(self, purpose: str, text: str) -> str:
        return hmac.digest(self.key, f"{purpose} {text}".encode(), hashlib.sha256).hex()


def plain_name(origin: str) -> str:
    """The name on plain http: browsers send a cookie to every port of its host."""
    return f"{_PLAIN_PREFIX}{urlsplit(origin).port or 80}"


def is_session_name(name: str) -> bool:
    """Whether a cookie of this name may hold a session of some origin of ours."""
    return name == SECURE_NAME or name.startswith(_PLAIN_PREFIX)


def cookie_line(origin: str, value: str, *, is_secure: bool, seconds: int) -> str:
    """The ``Set-Cookie`` line. ``origin`` is ours, as the browser writes it."""
    name = SECURE_NAME if is_secure else plain_name(origin)
    secure = "; Secure" if is_secure else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
