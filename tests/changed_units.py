"""Units of work whose ports a test changes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dependency_injector import providers
from typing_extensions import override

from application.clock import Deadline
from application.ports.unit_of_work import Result, Unit, UnitOfWork
from application.receiving.route_message import RouteMessage
from entrypoints.composition.container import Container


@dataclass(frozen=True)
class ChangedUnits(UnitOfWork):
    """The units of ``inner``, each of them changed."""

    inner: UnitOfWork
    change: Callable[[Unit], Unit]

    @override
    def run(self, work: Callable[[Unit], Result], deadline: Deadline) -> Result:
        return self.inner.run(lambda unit: work(self.change(unit)), deadline)


def with_ports(route_message: RouteMessage, **ports: Callable[[Any], Any]) -> RouteMessage:
    """``route_message`` with what the functions make of its ports."""

    def change(unit: Unit) -> Unit:
        return replace(unit, **{name: make(getattr(unit, name)) for name, make in ports.items()})

    units = ChangedUnits(route_message.unit_of_work, change)
    return replace(route_message, unit_of_work=units)


def use_ports(container: Container, **ports: object) -> None:
    """Let every unit of work of ``container`` have these ports."""
    changed = ChangedUnits(container.unit_of_work(), lambda unit: replace(unit, **ports))  # type: ignore[arg-type]  # named as its fields are
    container.unit_of_work.override(providers.Object(changed))


def use_separate_steps(container: Container) -> None:
    """Let each step be durable by itself, as where store and queue are different engines."""
    container.unit_of_work.override(container.separate_steps)
