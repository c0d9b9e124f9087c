"""The simulator as an application. Imported with the first request for it."""

from collections.abc import Callable

from fastapi import FastAPI

from entrypoints.composition.container import Container
from entrypoints.http.console.application import create_console
from entrypoints.http.console.simulator import pages


def create_simulator(container: Container, require_started: Callable[[], None]) -> FastAPI:
    """The page over the use cases of ``container``, with threads of its own."""
    simulator = create_console(container, require_started, [pages.router])
    simulator.state.desk = pages.Desk()
    return simulator
