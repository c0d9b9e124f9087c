"""The overview: what comes in, what waits, and what needs attention."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from entrypoints.http.console.page_dependencies import ThePage

router = APIRouter()


@router.get("/")
def show_overview(page: ThePage) -> Response:
    """The first page. Who may see some companies alone begins with their conversations."""
    if page.caller.token.companies is not None:
        return RedirectResponse("/conversations", 303)
    return page("overview.html")
