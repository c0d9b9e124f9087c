"""What each figure should be: what is required, and what is wanted beyond it."""

from dataclasses import dataclass
from typing import Literal

SLIGHTLY = 1.2
"""Below this factor a figure misses its limit by so many per cent."""


@dataclass(frozen=True)
class Target:
    """A row of the table. ``slack`` is a share by which a limit may be passed: see ``note``."""

    figure: str
    measure: str
    bound: Literal["at least", "at most"]
    required: float | None = None
    wanted: float | None = None
    unit: str = ""
    slack: float = 0.0

    def shown(self, value: float | None) -> str:
        """A value with its unit, to three digits."""
        if value is None:
            return ""
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three
        return f"{number} {self.unit}".strip()

    def bound_shown(self, limit: float | None) -> str:
        """A limit as it is compared."""
        if limit is None:
            return ""
        return f"{'≥' if self.bound == 'at least' else '≤'} {self.shown(limit)}"

    def verdict(self, median: float) -> str:
        """Whether the limits are met, and if not by how much they are missed."""
        if self.required is None and self.wanted is None:
            return "no limit"
        if self.required is not None and not self._meets(median, self.required):
            return f"**missed**: {self._missed_by(median, self.required)}"
        met = [] if self.required is None else ["met"]
        if self.wanted is not None:
            missed = f"wanted: {self._missed_by(median, self.wanted)}"
            met.append("as wanted" if self._meets(median, self.wanted) else missed)
        return ", ".join(met)

    def _meets(self, median: float, limit: float) -> bool:
        if self.bound == "at least":
            return median >= limit * (1 - self.slack)
        return median <= limit * (1 + self.slack)

    def _missed_by(self, median: float, limit: float) -> str:
        words = "too little" if self.bound == "at least" else "too much"
        factor = limit / median if self.bound == "at least" else median / limit
        if factor < SLIGHTLY:
            return f"{factor - 1:.0%} {words}"
        return f"{factor:.2g} × {words}"


TARGETS = (
    Target("rate_against_flask", "webhooks/s over HTTP, 32 connections, against Flask",
           "at least", 3, 5, "×"),
    Target("cpu_against_empty", "server CPU a webhook, against the empty server",
           "at most", 6, 3, "×"),
    Target("cpu_against_empty_without_log",
           "the same, against the empty server without its access log", "at most", unit="×"),
    # SQLite also syncs its log for each checkpoint.
    Target("commits_alone", "commits a webhook, alone", "at most", 1, slack=0.05),
    Target("commits_with_slow_sync", "commits a webhook, each sync slowed to 20 ms, "
           "32 connections", "at most", 0.1),
    Target("frontdesk.p99_ms", "p99 at 70 % of the top rate", "at most", 40, 25, "ms"),
    # Flat within noise: the medians of one size differ by as much from run to run.
    Target("growth", "CPU a webhook beside the most messages, against beside the fewest",
           "at most", 1, unit="×", slack=0.2),
    Target("growth_of_statements", "statements, likewise", "at most", 1, unit="×"),
    Target("trace_ms", "`frontdesk trace` beside the most messages, without its process",
           "at most", 100, unit="ms"),
    Target("anymail_against_mail", "mails of 10 KB for the CPU of one in Anymail",
           "at least", 2, unit="×"),
    Target("mail_10_kb_against_hashing", "CPU of a mail of 10 KB, against hashing its bytes",
           "at most", unit="×"),
    Target("mail_1_mb_against_hashing", "CPU of a mail of 1 MB, likewise", "at most", unit="×"),
    Target("mail_25_mb_against_hashing", "CPU of a mail of 25 MB, likewise",
           "at most", unit="×"),
    Target("frontdesk.mail_25_mb_peak", "memory at the peak of a mail of 25 MB, against its size",
           "at most", wanted=3, unit="×"),
    Target("lambda_cold_against_plain", "Lambda, cold: CPU against the plain handler",
           "at most", 1.05, 0.9, "×"),
    Target("lambda_warm_against_bare", "Lambda, warm: CPU against three bare calls",
           "at most", 1.6, 1.3, "×"),
    Target("lambda_round_trips", "Lambda: round trips a matched webhook", "at most", 5, 4),
    Target("lambda_write_units", "Lambda: write units a matched webhook", "at most", 6, 5),
    Target("help_cpu_s", "CPU of `frontdesk --help`", "at most", 0.25, unit="s"),
    Target("queues_list_cpu_s", "CPU of `frontdesk queues list`", "at most", 0.4, unit="s"),
)  # fmt: skip
