"""Who asks: the token or the session of a request, and whether it may."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.errors import WebhookHandlerError
from entrypoints.http.access.origins import OwnOrigins
from entrypoints.http.access.problems import ProblemError, unavailable
from entrypoints.http.access.request_heads import Head, cookies, header, is_change, media_type
from entrypoints.http.access.sessions import SECURE_NAME, Session, Sessions, plain_name
from entrypoints.http.access.sign_in_codes import SignInCodes
from infrastructure.configuration.api_access import LOCAL_NAME
from infrastructure.configuration.secrets.access_tokens import AccessToken, AccessTokens, Scope

_BEARER = "bearer "
_CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a token, or the ``session`` of a browser that signed in with it."""

    token: AccessToken
    session: Session | None = None

    def require_all_companies(self) -> None:
        """Raise ``ProblemError`` (403) if it may see some companies alone."""
        if self.token.companies is not None:
            raise ProblemError(403, "a token of some companies may not see what belongs to none")


@dataclass(frozen=True)
class Access:
    """Finds out who asks. Any method may block: it reads secrets.

    ``tokens`` and ``session_key`` give what is valid now. ``codes`` is ``None`` where a code
    would stand for no token.
    """

    tokens: Callable[[], AccessTokens]
    session_key: Callable[[], bytes]
    clock: Callable[[], datetime]
    origins: OwnOrigins
    codes: SignInCodes | None = None

    def admit(self, head: Head) -> Caller:
        """Who may do what ``head`` asks for.

        Raises ``ProblemError``: 421 for a host that is not ours, 401 without a valid token or
        session, 403 without the scope or for a page of another site, 415 for a change that a
        form of another site could have sent.
        """
        own = self.origins.origin_of(head)
        caller = self.caller(head, own)
        require_scope(caller, changes=is_change(head))
        if is_change(head):
            self.origins.require_own_page(head, own)
            _require_proof(head, caller)
        return caller

    def admit_program(self, head: Head) -> Caller:
        """Who may read under any host: a program with a token, for no page has one.

        Raises ``ProblemError``: 401 without a valid token, 403 without the scope.
        """
        caller = self.caller(head, None)
        require_scope(caller, changes=is_change(head))
        return caller

    def caller(self, head: Head, own: str | None) -> Caller:
        """Who asks, sent to our origin ``own``; without one, no session counts.

        Raises ``ProblemError`` (401) if it is nobody known.
        """
        try:
            caller = self._caller(head, own)
        except WebhookHandlerError as error:
            raise unavailable("the access tokens cannot be read at the moment") from error
        if caller is None:
            raise ProblemError(
                401, "a valid access token is needed", headers={"www-authenticate": "Bearer"}
            )
        return caller

    def _caller(self, head: Head, own: str | None) -> Caller | None:
        given = header(head, "authorization") or ""
        if given.lower().startswith(_BEARER):
            token = self.tokens().identify(given[len(_BEARER) :].strip())
            return Caller(token) if token else None
        session = self._session(head, own) if own else None
        return Caller(session.token, session) if session else None

    def _session(self, head: Head, own: str) -> Session | None:
        """Over https no cookie counts that another host, or one without TLS, can have set."""
        names = [SECURE_NAME] if own.startswith("https:") else [SECURE_NAME, plain_name(own)]
        found = cookies(head)
        for value in (found[name] for name in names if name in found):
            session = Sessions(self.session_key()).read(value, self.tokens(), self.clock())
            if session is not None:
                return session
        return None

    def sign_in_with_token(self, text: str) -> str | None:
        """The cookie of a new session; ``None`` if ``text`` is no valid token."""
        return self._begin(self.tokens().identify(text.strip()))

    def sign_in_with_code(self, code: str) -> str | None:
        """The cookie of a new session; ``None`` if ``code`` is not valid, or was used.

        A code stands for the local token: where there is none, no code is valid.
        """
        if self.codes is None or not self.codes.use(code, self.clock()):
            return None
        return self._begin(self.tokens().named(LOCAL_NAME))

    def _begin(self, token: AccessToken | None) -> str | None:
        return Sessions(self.session_key()).begin(token, self.clock()) if token else None


def require_scope(caller: Caller, *, changes: bool) -> None:
    """Raise ``ProblemError`` (403) if the token of ``caller`` may not do what it asks for."""
    scope = Scope.WRITE if changes else Scope.READ
    if scope not in caller.token.scopes:
        raise ProblemError(403, f"this token lacks the scope '{scope}'")


def _require_proof(head: Head, caller: Caller) -> None:
    """What a form of another site cannot send, whatever cookies go with it."""
    if caller.session is None:
        if media_type(head) != "application/json":
            raise ProblemError(415, "a change needs 'Content-Type: application/json'")
    elif not matches(caller.session, header(head, _CSRF_HEADER)):
        raise ProblemError(403, f"a change of a session needs its CSRF token in '{_CSRF_HEADER}'")


def matches(session: Session, csrf_token: str | None) -> bool:
    """Whether ``csrf_token`` is the session's."""
    return hmac.compare_digest(session.csrf_token.encode(), (csrf_token or "").encode())
