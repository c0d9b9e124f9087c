"""What the routes of the API ask for."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from entrypoints.composition.container import Container
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.access import Caller
from entrypoints.http.access.guard import CALLER
from entrypoints.http.access.request_heads import SLASH
from entrypoints.http.api.cursors import Cursors

MOST_ITEMS = 100


# What waits for nothing is asynchronous: FastAPI calls anything else on another thread.
async def _require_started(request: Request) -> None:
    request.app.state.require_started()


async def _container(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


def _operations(container: "TheContainer") -> OperationsContainer:
    return container.operations()


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope[CALLER]
    return caller


def _cursors(caller: "TheCaller", operations: "TheOperations") -> Cursors:
    is_of_all = caller.token.companies is None
    return Cursors(None if is_of_all else operations.session_key().current)


async def _caller_of_all(caller: "TheCaller") -> Caller:
    """For what belongs to no one company."""
    caller.require_all_companies()
    return caller


started = Depends(_require_started)
"""A dependency of all routes: nothing may be touched before the start checks have passed."""

TheContainer = Annotated[Container, Depends(_container)]
TheOperations = Annotated[OperationsContainer, Depends(_operations)]
TheCaller = Annotated[Caller, Depends(_caller)]
TheCursors = Annotated[Cursors, Depends(_cursors)]
of_no_company = Depends(_caller_of_all)
"""A dependency of the routes that a token of some companies may not use."""

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="At most so many items.")]
After = Annotated[
    str | None, Query(max_length=2000, description="The `cursor` of the page before.")
]

Identifier = Annotated[
    str, Path(max_length=500), AfterValidator(lambda text: text.replace(SLASH, "/"))
]
"""A segment of the path; a slash in it is escaped (`%2F`)."""
