"""Every error of a page becomes a page: what is wrong, and what to do."""

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from domain.errors import WebhookHandlerError
from entrypoints.http.access.problems import ProblemError, unexpected
from entrypoints.http.access.request_heads import header
from entrypoints.http.api.error_answers import Handler, problem_of
from entrypoints.http.console.page_dependencies import page_for

logger = logging.getLogger(__name__)

_TITLES = {
    400: "Not understood",
    403: "Not allowed",
    422: "Not understood",
    500: "Something went wrong",
    503: "Not possible now",
}
"""The heading of a page, where the words of HTTP are not those of people."""


def _page(request: Request, problem: ProblemError) -> Response:
    """A page that asks by itself keeps what it shows, and says why it gets nothing new."""
    is_failure = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_failure and header(request.scope, "hx-request"):
        return PlainTextResponse(problem.detail, problem.status, headers=problem.headers)
    container = request.app.state.container
    page = page_for(request, container)
    errors = problem.members.get("errors", ())
    response = page(
        "problem.html",
        problem.status,
        title=_TITLES.get(problem.status, HTTPStatus(problem.status).phrase.capitalize()),
        detail=problem.detail,
        errors=errors,
    )
    response.headers.update(problem.headers)
    return response


async def _answer_problem(request: Request, error: ProblemError) -> Response:
    return _page(request, error)


async def _answer_known(request: Request, error: WebhookHandlerError) -> Response:
    return _page(request, problem_of(request, error))


async def _answer_framework(request: Request, error: HTTPException) -> Response:
    is_unknown = error.status_code == HTTPStatus.NOT_FOUND
    text = "there is no page at this address" if is_unknown else str(error.detail)
    return _page(request, ProblemError(error.status_code, text))


async def _answer_invalid(request: Request, error: RequestValidationError) -> Response:
    fields = ", ".join(str(one["loc"][-1]) for one in error.errors())
    return _page(request, ProblemError(422, f"this address has a wrong value: {fields}"))


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    """The framework raises the error again, for whoever runs it."""
    logger.error("request for a page met an error", exc_info=error)
    return _page(request, unexpected())


HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: _answer_problem,
    WebhookHandlerError: _answer_known,
    HTTPException: _answer_framework,
    RequestValidationError: _answer_invalid,
    Exception: _answer_unexpected,
}
