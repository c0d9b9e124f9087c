"""Who may see a page: a browser that has signed in."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import PlainTextResponse, Response

from entrypoints.http.access.access import Access, Caller, require_scope
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import Head, header, is_change
from entrypoints.http.console.places import CAPTURE_BYTES, SIGNATURE, SIMULATOR, changes_something

_TOO_LARGE = {
    SIGNATURE: f"The capture is over {CAPTURE_BYTES // 2**20} MiB. On the server's machine "
    f"'frontdesk doctor signature FILE' reads captures of up to 64 MiB.",
    SIMULATOR: "The files are too large: all together may have 6 MB. On the server's machine "
    "'frontdesk send email --attach FILE' sends larger ones.",
}
"""What is said of forms in which something large may stand, by their paths."""


@dataclass(frozen=True)
class PageAccess:
    """Admits sessions. Tokens of programs are for the API.

    That a change comes from a form of this session is checked where the form is read.
    """

    access: Access

    def admit(self, head: Head) -> Caller:
        """Who looks. Raises ``ProblemError``: 421, 401 without a session, 403 without the scope."""
        own = self.access.origins.origin_of(head)
        caller = self.access.caller(head, own)
        if caller.session is None:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign in with a browser to see this page")
        require_scope(caller, changes=changes_something(head))
        if is_change(head):
            self.access.origins.require_own_page(head, own)
        return caller


def refused_page(problem: ProblemError, head: Head) -> Response:
    """What a browser gets instead of a page: the way to sign in, or why not.

    A page that asks by itself keeps what it shows, and says why it gets nothing new.
    """
    signed_out = problem.status == HTTPStatus.UNAUTHORIZED
    if signed_out and head["method"] == "GET" and header(head, "hx-request") is None:
        return Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": sign_in_at(head)})
    from entrypoints.http.console.sign_in_pages import problem_page

    if header(head, "hx-request") is not None:
        return PlainTextResponse(problem.detail, problem.status, headers=problem.headers)
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and head["path"] in _TOO_LARGE:
        text, back = _TOO_LARGE[head["path"]], (head["path"], "Back to the form")
        return problem_page(text, problem.status, back)
    return problem_page(problem.detail, problem.status)


def sign_in_at(head: Head) -> str:
    """Where to sign in, to come back to the page that ``head`` asks for."""
    query = head.get("query_string", b"").decode("latin-1")
    raw: bytes = head.get("raw_path") or head["path"].encode()
    wanted = raw.decode("latin-1") + (f"?{query}" if query else "")
    return "/sign-in" if wanted == "/" else f"/sign-in?{urlencode({'next': wanted})}"
