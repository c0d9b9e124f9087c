"""Front desks on every backend. A further backend is a further parameter."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from entrypoints.composition.container import Container, build_container
from infrastructure import background_diagnoses
from infrastructure.channels import search_budget
from tests.contracts.diagnosed_refusals import wait_for_diagnoses
from tests.emulators import EmulatedAws
from tests.end_to_end.aws import (
    look_for_senders_without_a_pause,
    settings_on_aws,
    use_emulator,
)
from tests.end_to_end.companies import COMPANIES
from tests.end_to_end.frontdesk import AWS, BACKENDS, Host, RunningFrontDesk, hosting, serving
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables

MOST_HELD = background_diagnoses.MOST_HELD


class Serve(Protocol):
    """Starts a front desk that ends with the test.

    ``prepare`` may override providers before anything is built.
    """

    def __call__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        prepare: Callable[[Container], None] | None = None,
    ) -> RunningFrontDesk: ...


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    with hosting() as listening:
        yield listening


@pytest.fixture(autouse=True)
def _no_diagnoses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused webhooks are not diagnosed: most tests end before that, and it would go on."""
    monkeypatch.setattr(background_diagnoses, "MOST_HELD", 0)


@pytest.fixture
def diagnoses(_no_diagnoses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refused webhooks are diagnosed, at once: see ``wait_for_diagnoses``."""
    monkeypatch.setattr(background_diagnoses, "MOST_HELD", MOST_HELD)
    monkeypatch.setattr(background_diagnoses, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(search_budget, "REST_SECONDS", 0.0)
    yield
    wait_for_diagnoses()


@pytest.fixture
def serve(
    host: Host, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            settings: Mapping[str, str] | None = None,
            *,
            prepare: Callable[[Container], None] | None = None,
        ) -> RunningFrontDesk:
            environ = {"DATA_DIR": str(tmp_path / "data"), **(settings or {})}
            if backend == AWS:
                ministack: EmulatedAws = request.getfixturevalue("ministack")
                tables = Tables.create(ministack)
                environ = settings_on_aws(ministack, tmp_path / "data", environ, tables)
            container = build_container(environ, ephemeral=backend == "memory")
            if backend == AWS:
                use_emulator(container, ministack)
                look_for_senders_without_a_pause(container)
            if prepare is not None:
                prepare(container)
            return stack.enter_context(serving(host, container))

        yield start


@pytest.fixture
def frontdesk(serve: Serve) -> RunningFrontDesk:
    """A front desk without settings, which has read its accounts as a server does at its start."""
    started = serve()
    started.container.provider_accounts()
    return started


@pytest.fixture
def tenants(tmp_path: Path) -> dict[str, str]:
    """The settings of a front desk for two companies that sends no fallbacks."""
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({"tenants": [company.entry() for company in COMPANIES]}))
    return {"TENANTS": f"file:{file}", "FALLBACK_MAX_PER_HOUR": "0"}


@pytest.fixture
def shared(serve: Serve, tenants: dict[str, str]) -> RunningFrontDesk:
    """A front desk for both companies."""
    return serve(tenants)
