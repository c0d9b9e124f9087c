"""How the trace of a message is put together: its stores are opened when it is asked for."""

from collections.abc import Callable, Mapping
from functools import partial

from application.clock import Clock
from application.companies import FindCompany
from application.ports.dead_letters import DeadLetters
from application.ports.refusals import Refusal, Refusals
from application.ports.stores import Stores
from application.tracing.find_recorded import FindRecorded
from application.tracing.nothing_known import LogSearch
from application.tracing.recorded import TraceRecord
from application.tracing.results import Statement
from application.tracing.trace_message import TraceMessage
from application.tracing.unrecorded import FindUnrecorded
from domain.tenants import TenantDirectory
from entrypoints.composition.channel_providers import PROVIDERS
from infrastructure.backend import ContextQueue, FileBackend, SpoolBackend
from infrastructure.channels.remedies import for_settings
from infrastructure.configuration.settings import Settings


def _log_search(settings: Settings) -> LogSearch:
    """How an operator finds log lines: where functions may work too, all are in CloudWatch."""

    def in_logs_insights(fields: Mapping[str, str]) -> str:
        wanted = " and ".join(f'{name} = "{value}"' for name, value in fields.items())
        return f"fields @timestamp, message, outcome, reason | filter {wanted} (Logs Insights)"

    def in_json_lines(fields: Mapping[str, str]) -> str:
        return "lines with " + " and ".join(f'"{name}": "{v}"' for name, v in fields.items())

    return in_logs_insights if settings.storage == "dynamodb" else in_json_lines


def _explain(settings: Settings, refusal: Refusal) -> Statement:
    """What its provider says of a refusal without a diagnosis."""
    if refusal.channel is None:
        remedy = "Compare the URL at the provider: it ends with the channel, as in /webhooks/sms."
        return Statement("That path is no webhook.", remedy)
    found = PROVIDERS[refusal.channel]().explained(refusal.reason)
    if found is None:
        return Statement(f"The reason is {refusal.reason}.", "Look in the log for more.")
    parts = for_settings(found, has_tenants=settings.tenants is not None)
    return Statement(*(f"{part}." if part else "" for part in parts))


def open_trace_message(
    open_records: Callable[..., FindRecorded],
    find_unrecorded: Callable[..., FindUnrecorded],
    *,
    files: FileBackend,
    spool: SpoolBackend,
    refusals: Refusals,
    settings: Settings,
    clock: Clock,
) -> TraceMessage:
    """What is embedded is not created by looking for it, and may be broken."""
    dead_letters = files.dead_letters if files.has_dead_letters() else None
    return TraceMessage(
        partial(open_records, dead_letters),
        find_unrecorded(spool.spool if spool.has_spool() else None, dead_letters),
        refusals,
        _log_search(settings),
        partial(_explain, settings),
        clock,
    )


def open_records(
    dead_letters: DeadLetters | None,
    *,
    stores: Callable[[], Stores],
    queue: Callable[[], ContextQueue],
    tenants: Callable[[], TenantDirectory],
    find_company: FindCompany,
    settings: Settings,
    clock: Clock,
) -> FindRecorded:
    """Opens the store. Raises the ``TemporaryError`` of one that does not answer."""
    lookup, conversations = stores().lookup, stores().conversations
    trace_record = TraceRecord(
        lookup,
        conversations,
        queue(),
        dead_letters,
        tenants,
        find_company,
        settings.routing_policy,
        settings.throttle_limits.window,
        clock,
    )
    return FindRecorded(lookup, conversations, trace_record, tenants)
