"""What a webhook costs beside much data: it should cost the same beside a little."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks import servers, webhooks
from benchmarks.filled_database import fill
from benchmarks.plan import Figures, Plan
from benchmarks.processes import cores, pinned
from benchmarks.servers import ROOT, Server
from entrypoints.composition.backends import DATABASE_FILE


def measure(plan: Plan) -> Figures:
    """A database of each size, and webhooks to each in turn. ``growth`` is largest to smallest."""
    built = {size: _filled(plan.folder / "growth" / str(size), size) for size in plan.growth_sizes}
    figures: Figures = defaultdict(list)
    for _ in range(plan.growth_rounds):
        found = {
            size: cost_of_webhook(server, plan.growth_webhooks) for size, server in built.items()
        }
        for size, cost in found.items():
            figures[f"cpu_ms_beside_{size}"].append(cost["cpu_ms"])
            figures[f"statements_beside_{size}"].append(cost["statements"])
        least, most = found[min(found)], found[max(found)]
        figures["growth"].append(most["cpu_ms"] / least["cpu_ms"])
        figures["growth_of_statements"].append(most["statements"] / least["statements"])
    return figures


def _filled(folder: Path, size: int) -> Server:
    server = servers.frontdesk(folder)
    cost_of_webhook(server, 1)
    fill(folder / DATABASE_FILE, size)
    return server


def cost_of_webhook(server: Server, count: int) -> dict[str, float]:
    """The CPU time and the statements of one of ``count`` webhooks."""
    file: Path = webhooks.store(server.folder / "requests", webhooks.sms(count))
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.webhook_cost", str(file)],
        env={"PATH": os.environ["PATH"], **server.environ},
        cwd=ROOT,
        preexec_fn=pinned(cores()[0]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    cost: dict[str, float] = json.loads(done.stdout)
    return cost
