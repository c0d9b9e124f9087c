"""What operators look at: refusals and checks. It belongs to no one company."""

from fastapi import APIRouter

from entrypoints.http.api.dependencies import TheContainer, of_no_company
from entrypoints.http.api.records import (
    CheckRecord,
    ChecksRecord,
    RefusalRecord,
    RefusalsRecord,
)
from entrypoints.operations.checks import run_checks

router = APIRouter(tags=["operation"], dependencies=[of_no_company])


@router.get("/refusals")
def list_refusals(container: TheContainer) -> RefusalsRecord:
    """The latest refusals, equal ones as one."""
    refusals = container.refusals()
    items = tuple(map(RefusalRecord.model_validate, refusals.latest()))
    return RefusalsRecord(items=items, notice=refusals.notice())


@router.get("/checks")
def list_checks(container: TheContainer) -> ChecksRecord:
    """Everything that `frontdesk doctor` checks. It takes a moment."""
    return ChecksRecord(items=tuple(map(CheckRecord.model_validate, run_checks(container))))
