"""The unit of work of a store and a queue that share no transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from application.clock import Deadline
from application.ports.unit_of_work import Result, Unit, UnitOfWork


@dataclass(frozen=True)
class SeparateSteps(UnitOfWork):
    """Hands over the plain ports: each step is durable by itself, and the outbox joins them."""

    unit: Unit

    @override
    def run(self, work: Callable[[Unit], Result], deadline: Deadline) -> Result:
        return work(self.unit)
