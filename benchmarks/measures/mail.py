"""Mail of several sizes: CPU time and memory, beside hashing the bytes and beside Anymail."""

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers, webhooks
from benchmarks.plan import Figures, Plan, post
from benchmarks.processes import Measured
from domain.channels import ChannelType

WARM_UP = 5
HASHING_SECONDS = 1.0
SMALL = 10_000
NAMES = {10_000: "10_kb", 1_000_000: "1_mb", 25_000_000: "25_mb"}


@dataclass
class Contestant:
    """A running server, its memory before large mails, and the largest that it has had."""

    process: Measured
    rest: int = 0
    largest: int = 0

    def warm_up(self, file: Path) -> None:
        """Have it import what a mail needs."""
        post(self.process, file, connections=1)
        self.rest = self.process.resident_bytes()

    def cpu_seconds(self, file: Path, *, repeat: bool) -> float:
        """CPU time of one mail of the file."""
        before = self.process.cpu_seconds()
        self.process.forget_peak()
        # Hashing one takes less than the clock of CPU times can tell.
        seconds = HASHING_SECONDS if repeat else 60.0
        answers = post(self.process, file, connections=1, seconds=seconds, repeat=repeat)
        return (self.process.cpu_seconds() - before) / answers["answered"]

    def peak_bytes(self, size: int) -> int | None:
        """The memory that the last mails took, of this size.

        A server keeps what a larger one took; then the peak is not that of a smaller one.
        """
        if size < self.largest:
            return None
        self.largest = size
        return self.process.peak_bytes() - self.rest


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
        running = {
            key: Contestant(stack.enter_context(server.running())) for key, server in built.items()
        }
        for one in running.values():
            one.warm_up(webhooks.store(folder / "mails", webhooks.mail(WARM_UP, SMALL)))
        for _ in range(plan.mail_rounds):
            for size, count in plan.mails.items():
                file = webhooks.store(folder / "mails", webhooks.mail(count, size))
                _one_size(size, file, running, figures)
    return figures


def _one_size(size: int, file: Path, running: dict[str, Contestant], figures: Figures) -> None:
    name = NAMES[size]
    costs: dict[str, float] = {}
    for key, one in running.items():
        if key == "anymail" and size > SMALL:
            continue
        costs[key] = one.cpu_seconds(file, repeat=key == "hashing")
        figures[f"{key}.mail_{name}_cpu_ms"].append(1000 * costs[key])
        if (peak := one.peak_bytes(size)) is not None:
            figures[f"{key}.mail_{name}_peak"].append(peak / size)
    if costs["hashing"]:
        ratio = costs["frontdesk"] / costs["hashing"]
        figures[f"mail_{name}_against_hashing"].append(ratio)
    if "anymail" in costs:
        figures["anymail_against_mail"].append(costs["anymail"] / costs["frontdesk"])
