"""Error answers of the API, in the one form of RFC 9457."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"


class ProblemError(Exception):
    """What the API answers instead of what was asked for.

    ``detail`` is a sentence for the caller. ``members`` are further members of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        members: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer. It is never kept in a cache."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        headers = {**self.headers, "cache-control": "no-store"}
        return Response(json.dumps(body), self.status, headers, MEDIA_TYPE)


def unavailable(detail: str) -> ProblemError:
    """The same request may succeed later."""
    return ProblemError(503, detail, headers={"retry-after": RETRY_SECONDS})


def unexpected() -> ProblemError:
    """A bug: nothing of it is told."""
    return ProblemError(500, "an unexpected error: the log has more")


def not_found(what: str) -> ProblemError:
    """There is none, or the caller may not see it: the answer is the same."""
    return ProblemError(404, f"there is no such {what}")


def invalid(field: str, detail: str) -> ProblemError:
    """A parameter is wrong: ``field`` is its place, like ``query.limit``."""
    errors = [{"field": field, "detail": detail}]
    return ProblemError(422, f"wrong: {field}", {"errors": errors})
