"""The description of the API, as it is published."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from entrypoints.http.access.problems import MEDIA_TYPE
from entrypoints.http.api.records import Problem

PROBLEMS: dict[int, str] = {
    401: "No valid access token, and no session",
    403: "The token lacks the scope, or may not see what belongs to no one company",
    404: "There is none, or it is another company's",
    405: "The path takes another method",
    408: "The body took too long",
    412: "The state is not that of `If-Match`: `current` has it",
    413: "The body is over 64 KiB",
    415: "A change without `Content-Type: application/json`",
    421: "The host is not one of this server's",
    422: "A parameter is wrong: `errors` names each",
    500: "An unexpected error: the log has more",
    501: "The backend cannot do this",
    502: "The provider does not hand the file out, or it is none to be fetched",
    503: "What is needed does not answer, or too much is asked at once: try again later",
}
"""What every request may get, by status."""


def describe(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of ``api``, with the one form of its problems."""
    described = get_openapi(
        title=api.title, version=api.version, description=api.description, routes=api.routes
    )
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"token": []}]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": content}
        for status, text in PROBLEMS.items()
    }
    references = {
        str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in PROBLEMS
    }
    for path in described["paths"].values():
        for operation in path.values():
            operation["responses"] |= references
    return described
