"""What operators look at: refusals and checks. It belongs to no one company."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from application.ports.checks import CheckStatus
from entrypoints.http.api.dependencies import TheContainer, of_no_company
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.operations.check_runs import CheckRuns
from entrypoints.operations.refusal_checks import (
    RECENT,
    checked_urls,
    explained,
    is_of_unknown_path,
)

router = APIRouter(dependencies=[of_no_company])

PAGE_SIZE = 25
FRESH = timedelta(minutes=1)
"""Checks that began so lately are shown again, instead of new ones."""

WAIT_SECONDS = 1.0
"""How long a page waits for the checks to end, before it shows those that have."""

_GRAVEST_FIRST = (CheckStatus.ERROR, CheckStatus.WARNING, CheckStatus.SKIPPED, CheckStatus.OK)

First = Annotated[int, Query(ge=0, le=1000)]


@router.get("/refusals")
def list_refusals(page: ThePage, container: TheContainer, first: First = 0) -> Response:
    """The latest refusals, equal ones as one, with what each means and what to do."""
    refusals, settings = container.refusals(), container.settings()
    found = refusals.latest()
    shown = found[first : first + PAGE_SIZE]
    following = first + PAGE_SIZE
    return page(
        "refusals.html",
        refusals=[
            (one, _reason(one.reason), checked_urls(one), explained(one, settings)) for one in shown
        ],
        is_of_unknown_path=is_of_unknown_path,
        since=page.now - RECENT,
        first=first,
        more=f"/refusals?first={following}" if len(found) > following else None,
        notice_of_missing=refusals.notice(),
    )


@router.get("/checks")
def show_checks(request: Request, page: ThePage, newer: AwareDatetime | None = None) -> Response:
    """What ``frontdesk doctor`` checks. With ``newer``, only checks that began after that."""
    runs: CheckRuns = request.app.state.check_runs
    run = runs.started_after(_not_ahead(newer, page.now) or page.now - FRESH)
    run.wait(WAIT_SECONDS)
    # Before the results are read: a run that ends after that must not look like a whole one.
    ended_at = run.ended_at
    results = sorted(run.results, key=lambda one: _GRAVEST_FIRST.index(one.status))
    return page(
        "checks.html",
        started_at=run.started_at,
        ended_at=ended_at,
        results=results,
        counts=Counter(one.status for one in results),
        statuses=CheckStatus,
    )


def _not_ahead(newer: datetime | None, now: datetime) -> datetime | None:
    """No run could be newer than what is to come: each look would begin one."""
    return newer if newer and newer <= now else None


def _reason(code: str) -> str:
    return code.replace("_", " ").capitalize()
