"""Within a unit of work nothing is read but its stores: other threads wait for its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from dependency_injector import providers

from application.clock import Deadline
from application.ports.unit_of_work import Result, Unit, UnitOfWork
from domain.errors import ConcurrentUpdateError
from domain.tenants import TenantDirectory, UnknownSender
from entrypoints.composition.container import build_container
from tests.builders import a_conversation, a_tenant, an_inbound_message


@dataclass
class WatchedUnits(UnitOfWork):
    """Knows whether a unit is at work."""

    units: UnitOfWork
    is_at_work: bool = False

    def run(self, work: Callable[[Unit], Result], deadline: Deadline) -> Result:
        with self._at_work():
            return self.units.run(work, deadline)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self.is_at_work = True
        yield
        self.is_at_work = False

    def tenants(self) -> TenantDirectory:
        """The companies, which may have to be read from a service first."""
        assert not self.is_at_work
        return TenantDirectory((a_tenant(),))


@pytest.mark.parametrize("unknown_sender", UnknownSender)
def test_tenants_are_read_before_each_unit(unknown_sender: UnknownSender) -> None:
    container: Any = build_container({"UNKNOWN_SENDER": unknown_sender}, ephemeral=True)
    units = WatchedUnits(container.unit_of_work())
    container.unit_of_work.override(providers.Object(units))
    container.tenants.override(providers.Object(units.tenants))
    record, message = container.record_message(), an_inbound_message()
    record(message, Deadline.after())
    container.conversation_store().open_conversation(a_conversation())
    assert len([*container.operations().redrive_unmatched()()]) == (unknown_sender == "fallback")
    recorded = container.message_store().find_record(message.request_id)
    with pytest.raises(ConcurrentUpdateError):  # it looked for a conversation, and lost
        container.route_message().retry(replace(recorded, conversation=None), Deadline.after())
