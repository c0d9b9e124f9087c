"""How long webhooks took, from how many took up to how long."""

from collections.abc import Sequence

from application.ports.metrics import DURATION_BOUNDS


def quantile(share: float, counts: Sequence[float]) -> float | None:
    """Within how many seconds this share of the webhooks ended; ``None`` if there were none.

    ``counts`` are those of ``DURATION_BOUNDS`` and of longer ones. Within a group the durations
    count as evenly spread, as Prometheus has it. What took longer than all bounds counts as the
    last of them.
    """
    wanted, lower, passed = share * sum(counts), 0.0, 0.0
    if not wanted:
        return None
    for bound, count in zip(DURATION_BOUNDS, counts, strict=False):
        if count and passed + count >= wanted:
            return lower + (bound - lower) * (wanted - passed) / count
        lower, passed = bound, passed + count
    return DURATION_BOUNDS[-1]
