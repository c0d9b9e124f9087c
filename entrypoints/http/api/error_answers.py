"""Every error of a route becomes a problem."""

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import (
    AttachmentNotFoundError,
    ConversationNotFoundError,
    DeadLetterNotFoundError,
    InvalidCursorError,
    MediaRefusedError,
    MessageNotFoundError,
    TemporaryError,
    WebhookHandlerError,
)
from entrypoints.http.access.access import Caller
from entrypoints.http.access.guard import CALLER
from entrypoints.http.access.problems import (
    ProblemError,
    invalid,
    not_found,
    unavailable,
    unexpected,
)

logger = logging.getLogger(__name__)


def problem_of(request: Request, error: WebhookHandlerError) -> ProblemError:
    """What to answer instead. An error that no caller can have made is raised again."""
    match error:
        case TemporaryError():
            caller: Caller = request.scope[CALLER]
            # The sentence may name files and tables of this server.
            is_of_all = caller.token.companies is None
            return unavailable(str(error) if is_of_all else "what is needed does not answer")
        case InvalidCursorError():
            return invalid("query.after", str(error))
        # The same words as for one that is another company's: nobody learns that it is there.
        case DeadLetterNotFoundError():
            return not_found("dead letter")
        case MessageNotFoundError():
            return not_found("unmatched message")
        case ConversationNotFoundError() | AttachmentNotFoundError():
            return ProblemError(404, str(error))
        case MediaRefusedError():
            return ProblemError(502, str(error))
        case _:
            raise error


async def _answer_problem(_: Request, error: ProblemError) -> Response:
    return error.response()


async def _answer_known(request: Request, error: WebhookHandlerError) -> Response:
    return problem_of(request, error).response()


async def _answer_framework(_: Request, error: HTTPException) -> Response:
    """What the framework refuses: no such path, no such method, a body that is no text."""
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return invalid("body", "must be JSON in UTF-8").response()
    return ProblemError(error.status_code, str(error.detail), headers=error.headers).response()


async def _answer_invalid(_: Request, error: RequestValidationError) -> Response:
    """Every wrong field, never with what was given for it."""
    errors = [
        {"field": ".".join(map(str, one["loc"])), "detail": one["msg"]} for one in error.errors()
    ]
    fields = ", ".join(one["field"] for one in errors)
    return ProblemError(422, f"wrong: {fields}", {"errors": errors}).response()


async def _answer_unexpected(_: Request, error: Exception) -> Response:
    """The framework raises the error again, for whoever runs it."""
    logger.error("request of the API met an error", exc_info=error)
    return unexpected().response()


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: _answer_problem,
    WebhookHandlerError: _answer_known,
    HTTPException: _answer_framework,
    RequestValidationError: _answer_invalid,
    Exception: _answer_unexpected,
}
