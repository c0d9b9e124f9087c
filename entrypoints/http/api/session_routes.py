"""Who asks."""

from fastapi import APIRouter

from entrypoints.http.api.dependencies import TheCaller
from entrypoints.http.api.records import SessionRecord

router = APIRouter(tags=["session"])


@router.get("/session")
def show_session(caller: TheCaller) -> SessionRecord:
    """The name of the token that asks, and what it may do. A session gets its CSRF token here."""
    token, session = caller.token, caller.session
    return SessionRecord(
        token_name=token.name,
        scopes=tuple(sorted(token.scopes)),
        companies=None if token.companies is None else tuple(sorted(token.companies)),
        csrf_token=session.csrf_token if session else None,
        ends_at=session.ends_at if session else None,
    )
