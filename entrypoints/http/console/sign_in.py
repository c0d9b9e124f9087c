"""Sign in and out: the pages that need no token, and their forms."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from domain.errors import WebhookHandlerError
from entrypoints.http.access.access import Access, matches
from entrypoints.http.access.bounded import read_body
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import media_type
from entrypoints.http.access.sessions import LIFETIME, SECURE_NAME, Session, cookie_line, plain_name
from entrypoints.http.console import sign_in_pages
from entrypoints.http.console.places import PLACES

FORM_BYTES = 4096
FORM_SECONDS = 5.0
FORMS_AT_ONCE = 64

Result = TypeVar("Result")
Endpoint = Callable[[Request], Awaitable[Response]]


class SignIn:
    """The pages ``/sign-in``, ``/sign-in/CODE`` and ``/sign-out``."""

    def __init__(self, access: Access, limiter: CapacityLimiter) -> None:
        self._access = access
        self._limiter = limiter
        self._arriving: dict[asyncio.Timeout, None] = {}

    @property
    def routes(self) -> list[Route]:
        """What the application answers by these sign_in_pages."""
        return [
            Route("/sign-in", self._guarded(self._show_form), methods=["GET"]),
            Route("/sign-in", self._guarded(self._use_token), methods=["POST"]),
            Route("/sign-in/{code}", self._guarded(self._show_button), methods=["GET"]),
            Route("/sign-in/{code}", self._guarded(self._use_code), methods=["POST"]),
            Route("/sign-out", self._guarded(self._sign_out), methods=["POST"]),
        ]

    def _guarded(self, answer: Callable[[Request, str], Awaitable[Response]]) -> Endpoint:
        """``answer`` to requests for a host that is ours, and no forms from other sites."""

        async def endpoint(request: Request) -> Response:
            try:
                own = self._access.origins.origin_of(request.scope)
                if request.method == "POST":
                    self._access.origins.require_own_page(request.scope, own)
                return await answer(request, own)
            except ProblemError as problem:
                return sign_in_pages.problem_page(problem.detail, problem.status)
            except WebhookHandlerError:
                return sign_in_pages.problem_page(
                    "Nobody can sign in at the moment: see the log.", 503
                )

        return endpoint

    async def _show_form(self, request: Request, _: str) -> Response:
        return sign_in_pages.sign_in_page(own_page(request.query_params.get("next", "")))

    async def _show_button(self, _: Request, __: str) -> Response:
        return sign_in_pages.code_page()

    async def _use_token(self, request: Request, own: str) -> Response:
        form = await self._form(request)
        wanted = own_page(form.get("next", ""))
        cookie = await self._run(partial(self._access.sign_in_with_token, form.get("token", "")))
        if cookie is None:
            return sign_in_pages.sign_in_page(wanted, "This is no valid access token.", 403)
        return self._signed_in(request.scope, own, cookie, wanted)

    async def _use_code(self, request: Request, own: str) -> Response:
        code = request.path_params["code"]
        cookie = await self._run(partial(self._access.sign_in_with_code, code))
        if cookie is None:
            return sign_in_pages.used_code_page()
        wanted = own_page(request.query_params.get("next", ""))
        return self._signed_in(request.scope, own, cookie, wanted)

    async def _sign_out(self, request: Request, own: str) -> Response:
        form = await self._form(request)
        session = await self._session(request.scope, own)
        if session is not None and not matches(session, form.get("csrf_token")):
            raise ProblemError(403, "the page is not of this session: load it again")
        response = _see_other("/sign-in")
        for name, is_secure in ((SECURE_NAME, True), (plain_name(own), False)):
            if name in request.cookies:
                line = cookie_line(own, "", is_secure=is_secure, seconds=0)
                response.headers.append("set-cookie", line)
        return response

    def _signed_in(self, head: Scope, own: str, cookie: str, wanted: str) -> Response:
        """To the page that was ``wanted``, with a new session, whatever the browser came with."""
        response = _see_other(wanted)
        is_secure = self._access.origins.is_secure(head, own)
        seconds = int(LIFETIME.total_seconds())
        line = cookie_line(own, cookie, is_secure=is_secure, seconds=seconds)
        response.headers.append("set-cookie", line)
        return response

    async def _session(self, head: Scope, own: str) -> Session | None:
        try:
            caller = await self._run(partial(self._access.caller, head, own))
        except ProblemError as problem:
            if problem.status != HTTPStatus.UNAUTHORIZED:
                raise
            return None
        return caller.session

    async def _form(self, request: Request) -> dict[str, str]:
        if media_type(request.scope) != "application/x-www-form-urlencoded":
            raise ProblemError(415, "this is no form of ours")
        body = await self._body(request)
        try:
            fields = parse_qs(body.decode("latin-1"), max_num_fields=8)
        except ValueError:
            raise ProblemError(413, "this is no form of ours") from None
        return {name: values[0] for name, values in fields.items()}

    async def _body(self, request: Request) -> bytes:
        """Of too many at once the one that has been arriving the longest is cut off.

        It answers a client that sends many forms slowly, and lets no one else sign in.
        """
        if len(self._arriving) >= FORMS_AT_ONCE:
            oldest = next(iter(self._arriving))
            del self._arriving[oldest]
            if not oldest.expired():
                oldest.reschedule(0)
        try:
            async with asyncio.timeout(FORM_SECONDS) as deadline:
                self._arriving[deadline] = None
                return await read_body(request.scope, request.receive, FORM_BYTES)
        except TimeoutError:
            raise ProblemError(408, "the form took too long") from None
        finally:
            self._arriving.pop(deadline, None)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await to_thread.run_sync(work, limiter=self._limiter)


def own_page(path: str) -> str:
    """``path`` if it leads to a page of the console, else the first one.

    The attack: a link to our own form, which leads to another site after it.
    """
    is_own = any(path == place or path.startswith((f"{place}/", f"{place}?")) for place in PLACES)
    return path if is_own and path.isascii() and path.isprintable() else "/"


def _see_other(path: str) -> Response:
    headers = {"location": path, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(status_code=303, headers=headers)
