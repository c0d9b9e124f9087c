"""Mail of several sizes: CPU time and memory, beside hashing the bytes and beside Anymail."""

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from benchmarks import servers, webhooks
from benchmarks.plan import Figures, Plan, post
from benchmarks.processes import Measured
from domain.channels import ChannelType

WARM_UP = 5
HASHING_SECONDS = 1.0
SMALL = 10_000
NAMES = {10_000: "10_kb", 1_000_000: "1_mb", 25_000_000: "25_mb"}


def measure(plan: Plan) -> Figures:
    """One mail at a time. Anymail takes part with the smallest."""
    folder = plan.folder / "mail"
    built = {
        "frontdesk": servers.frontdesk(folder / "frontdesk", ChannelType.EMAIL),
        "hashing": servers.reading_server(folder / "hashing"),
        "anymail": servers.django(folder / "anymail"),
    }
    figures: Figures = defaultdict(list)
    with ExitStack() as stack:
        running = {key: stack.enter_context(server.running()) for key, server in built.items()}
        rest: dict[str, int] = {}
        for key, process in running.items():
            file = webhooks.store(folder / "mails", webhooks.mail(WARM_UP, SMALL))
            post(process, file, connections=1)
            rest[key] = process.resident_bytes()
        for _ in range(plan.mail_rounds):
            for size, count in plan.mails.items():
                file = webhooks.store(folder / "mails", webhooks.mail(count, size))
                _one_size(size, file, running, rest, figures)
    return figures


def _one_size(
    size: int,
    file: Path,
    running: dict[str, Measured],
    rest: dict[str, int],
    figures: Figures,
) -> None:
    """``rest`` is the memory of each server before it had a large mail."""
    name = NAMES[size]
    costs: dict[str, float] = {}
    for key, process in running.items():
        if key == "anymail" and size > SMALL:
            continue
        before = process.cpu_seconds()
        process.forget_peak()
        if key == "hashing":
            # One takes less than the clock of CPU times can tell.
            answers = post(process, file, connections=1, seconds=HASHING_SECONDS, repeat=True)
        else:
            answers = post(process, file, connections=1)
        costs[key] = (process.cpu_seconds() - before) / answers["answered"]
        figures[f"{key}.mail_{name}_cpu_ms"].append(1000 * costs[key])
        figures[f"{key}.mail_{name}_peak"].append((process.peak_bytes() - rest[key]) / size)
    if costs["hashing"]:
        ratio = costs["frontdesk"] / costs["hashing"]
        figures[f"mail_{name}_against_hashing"].append(ratio)
    if "anymail" in costs:
        figures["anymail_against_mail"].append(costs["anymail"] / costs["frontdesk"])
