"""How long ``frontdesk trace`` takes beside much data: the use case, without its process."""

import statistics
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.filled_database import fill
from benchmarks.measures.growth import cost_of_webhook
from benchmarks.plan import Figures, Plan
from benchmarks.servers import frontdesk
from entrypoints.composition.backends import DATABASE_FILE
from entrypoints.composition.container import build_container
from infrastructure.sqlite.database import SqliteDatabase

REPETITIONS = 10


def measure(plan: Plan) -> Figures:
    """Traces beside the most messages. ``trace_ms`` is that of the slowest kind of id."""
    folder = plan.folder / "trace"
    server = frontdesk(folder)
    cost_of_webhook(server, 1)
    path = folder / DATABASE_FILE
    texts = _ids_of(path)
    fill(path, max(plan.growth_sizes))
    container = build_container({**server.environ})
    trace_message = container.operations().trace_message()
    figures: Figures = defaultdict(list)
    for _ in range(plan.growth_rounds):
        medians = []
        for name, text in texts.items():
            times = []
            for _ in range(REPETITIONS):
                started = time.perf_counter()
                trace = trace_message(text)
                times.append((time.perf_counter() - started) * 1000)
            if trace.is_known is (name == "unknown"):
                raise AssertionError(f"{name}: {trace.sentence}")
            medians.append(statistics.median(times))
            figures[f"trace_ms_by_{name}"].append(medians[-1])
        figures["trace_ms"].append(max(medians))
    container.shutdown_resources()
    return figures


def _ids_of(path: Path) -> dict[str, str]:
    """What leads to the one message that there is, and an id that leads to none."""
    database = SqliteDatabase(path)
    ((request_id, message_id),) = database.rows("SELECT request_id, message_id FROM messages")
    ((conversation_id, sender),) = database.rows(
        "SELECT conversation_id, sender_id FROM conversations WHERE conversation_id IN "
        "(SELECT conversation_id FROM messages)"
    )
    database.close()
    return {
        "request_id": request_id,
        "message_id": message_id,
        "conversation": conversation_id,
        "address": sender,
        "unknown": f"SM{0:032}",
    }
