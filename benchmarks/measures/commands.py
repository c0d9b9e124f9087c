"""The CPU time of short commands, from their start to their end."""

import os

from benchmarks import servers
from benchmarks.plan import Figures, Plan
from benchmarks.processes import cpu_of

COMMANDS = {"help_cpu_s": ["--help"], "queues_list_cpu_s": ["queues", "list"]}


def measure(plan: Plan) -> Figures:
    """Each in a fresh process, in turn. The first run of each only warms up."""
    server = servers.frontdesk(plan.folder / "commands")
    environ = {"PATH": os.environ["PATH"], **server.environ}
    figures: Figures = {name: [] for name in COMMANDS}
    for number in range(plan.command_runs + 1):
        for name, words in COMMANDS.items():
            seconds = cpu_of([servers.FRONTDESK, *words], environ)
            if number:
                figures[name].append(seconds)
    return figures
