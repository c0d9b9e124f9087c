"""The simulator as an application. Imported with the first request for it."""

from collections.abc import Callable, Sequence
from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute

from entrypoints.composition.container import Container
from entrypoints.http.console.application import create_console, included
from entrypoints.http.console.simulator import pages


@cache
def _routes() -> Sequence[BaseRoute]:
    return included([pages.router])


def create_simulator(container: Container, require_started: Callable[[], None]) -> FastAPI:
    """The page over the use cases of ``container``, with threads of its own."""
    simulator = create_console(container, require_started, _routes)
    simulator.state.desk = pages.Desk()
    return simulator
