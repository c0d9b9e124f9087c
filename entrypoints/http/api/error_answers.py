"""Every error of a route becomes a problem."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import TemporaryError, UnknownRecipientError, WebhookHandlerError
from entrypoints.http.api.problems import ProblemError, unavailable


def _problem_of(error: WebhookHandlerError) -> ProblemError:
    match error:
        case TemporaryError():
            return unavailable(str(error))
        case UnknownRecipientError():
            return ProblemError(422, str(error))
        case _:
            return ProblemError(404, str(error))


async def _answer_problem(_: Request, error: ProblemError) -> Response:
    return error.response()


async def _answer_known(_: Request, error: WebhookHandlerError) -> Response:
    return _problem_of(error).response()


async def _answer_framework(_: Request, error: HTTPException) -> Response:
    """What the router refuses: no such path, no such method."""
    return ProblemError(error.status_code, str(error.detail), headers=error.headers).response()


async def _answer_invalid(_: Request, error: RequestValidationError) -> Response:
    """Every wrong field, never with what was given for it."""
    errors = [
        {"field": ".".join(map(str, one["loc"])), "detail": one["msg"]} for one in error.errors()
    ]
    fields = ", ".join(one["field"] for one in errors)
    return ProblemError(422, f"wrong: {fields}", {"errors": errors}).response()


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: _answer_problem,
    WebhookHandlerError: _answer_known,
    HTTPException: _answer_framework,
    RequestValidationError: _answer_invalid,
}
