"""Applications of one process share their routes, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.errors import StorageUnavailableError
from entrypoints.composition.container import build_container
from entrypoints.http.app import create_app
from entrypoints.http.mount import guarded_routes
from infrastructure.configuration.api_access import keep_local_token
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.api.steered import opened
from tests.entrypoints.http.console.browsing import signed_in

PAGES = ("/", "/conversations", "/simulator")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Api]:
    with running_locally(tmp_path / "started") as api:
        yield api


@contextmanager
def not_started(data_dir: Path) -> Iterator[Api]:
    """A front desk whose start checks have not passed."""
    container = build_container({"DATA_DIR": str(data_dir)})

    def require_started() -> None:
        raise StorageUnavailableError("the start checks have not passed")

    with hosting() as host, serving(host, container) as frontdesk:
        routes = guarded_routes(container, require_started=require_started)
        assert host.endpoint is not None
        host.app = create_app(host.endpoint.receive_webhook, require_started, routes)
        yield Api(frontdesk).with_token(keep_local_token(data_dir))


def test_each_has_its_own_store_and_tokens(desk: Api, tmp_path: Path) -> None:
    path, _ = opened(desk)
    with running_locally(tmp_path / "other") as other:
        for _ in range(2):
            assert desk.call("GET", path).status == 200
            assert other.call("GET", path).status == 404
            assert Api(other.frontdesk, desk.headers).call("GET", path).status == 401
            assert signed_in(desk).call("GET", path.removeprefix("/v1")).status == 200
            assert signed_in(other).call("GET", path.removeprefix("/v1")).status == 404


def test_each_waits_for_its_own_start_checks(desk: Api, tmp_path: Path) -> None:
    path, _ = opened(desk)
    with not_started(tmp_path / "other") as other:
        for _ in range(2):
            assert [api.call("GET", path).status for api in (desk, other)] == [200, 503]
            for page in PAGES:
                shown = [signed_in(api).call("GET", page).status for api in (desk, other)]
                assert (page, shown) == (page, [200, 503])
