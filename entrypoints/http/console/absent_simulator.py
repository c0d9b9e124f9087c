"""What stands in the place of the simulator where real providers post."""

from fastapi import APIRouter

from entrypoints.http.access.problems import ProblemError

router = APIRouter(prefix="/simulator")


@router.api_route("{rest:path}", methods=["GET", "POST"])
def refuse_simulation(rest: str) -> None:  # noqa: ARG001 - whatever it is
    """Say why there is none."""
    raise ProblemError(
        404,
        "the simulator is for development: there is none where a provider's secret is set, or "
        "where data is kept on AWS",
    )
