"""Writes the figures into ``README.md``, between two markers."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.results import BEFORE, FOLDER, RESULTS, Results, read_results
from benchmarks.targets import TARGETS

README = FOLDER / "README.md"
BEGIN = "<!-- figures: begin (written by 'make bench') -->"
END = "<!-- figures: end -->"
_PROFILES = {
    "sms-alone": "One SMS at a time: where its time goes",
    "sms-at-once": "SMS on 32 connections: what the threads do or wait for",
    "mail-alone": "One mail of 10 KB at a time",
    "queues-list": "What `frontdesk queues list` imports",
    "lambda-cold": "What the Lambda function imports",
}


def write_report() -> None:
    """Write the part of the README between the markers anew. Without results it stays."""
    if results := read_results(RESULTS):
        text = README.read_text("utf-8")
        head, _, rest = text.partition(BEGIN)
        _, _, tail = rest.partition(END)
        part = "\n".join(lines(results, read_results(BEFORE)))
        README.write_text(f"{head}{BEGIN}\n{part}\n{END}{tail}", "utf-8")


def lines(now: Results, before: Results | None) -> Iterator[str]:
    """The part that is generated."""
    yield f"Measured on {now.date} in {now.seconds / 60:.0f} minutes, on this machine:\n"
    yield from _table(("", ""), now.machine.items())
    yield "\n### Targets\n"
    yield from _targets(now, before)
    for name, reason in {**now.skipped, **now.failed}.items():
        yield f"\nNot measured here: {name} ({reason})."
    yield "\n### SMS over HTTP\n"
    yield "![Rate, CPU time and latency of each server](pictures/http.svg)\n"
    yield from _servers(now)
    yield "\n### Growth\n"
    yield "![CPU time by the size of the database](pictures/growth.svg)\n"
    yield from _growth(now)
    yield "\n### Mail\n"
    yield "![CPU time and memory by the size of the mail](pictures/mail.svg)\n"
    yield from _mail(now)
    if now.figures.get("bare.lambda_cold_ms"):
        yield "\n### Lambda\n"
        yield from _lambda(now)
    yield "\n### Profiles\n"
    yield "Wide is expensive. What is narrower than a four-hundredth is left out."
    for name, title in _PROFILES.items():
        yield from _profile(name, title)


def _targets(now: Results, before: Results | None) -> Iterator[str]:
    head = ("measure", "before", "now", "lowest to highest", "required", "wanted", "result")
    rows = []
    for target in TARGETS:
        median = now.median(target.figure)
        if median is None:
            continue
        rows.append(
            (
                target.measure,
                target.shown(before.median(target.figure) if before else None),
                f"**{target.shown(median)}**",
                _range(now, target.figure),
                target.bound_shown(target.required),
                target.bound_shown(target.wanted),
                target.verdict(median),
            )
        )
    yield from _table(head, rows)


def _servers(now: Results) -> Iterator[str]:
    columns = {
        "webhooks_per_second": "webhooks/s",
        "cpu_ms": "CPU a webhook, ms",
        "p50_full_ms": "p50 at full load, ms",
        "p99_full_ms": "p99 at full load, ms",
        "p50_ms": "p50 at 70 %, ms",
        "p99_ms": "p99 at 70 %, ms",
    }
    servers = {
        "empty": "empty server",
        "empty_without_log": "the same without its access log",
        "flask": "Flask",
        "frontdesk": "Frontdesk",
    }
    yield from _grid(now, servers, columns)


def _growth(now: Results) -> Iterator[str]:
    prefix = "cpu_ms_beside_"
    sizes = sorted(int(name.removeprefix(prefix)) for name in now.figures if prefix in name)
    rows = [
        (f"{size:,}", _value(now, f"{prefix}{size}"), _value(now, f"statements_beside_{size}"))
        for size in sizes
    ]
    head = ("messages, conversations, pending messages", "CPU a webhook, ms", "statements")
    yield from _table(head, rows)


def _mail(now: Results) -> Iterator[str]:
    columns = {
        f"mail_{name}_{figure}": f"{size}: {what}"
        for name, size in (("10_kb", "10 KB"), ("1_mb", "1 MB"), ("25_mb", "25 MB"))
        for figure, what in (("cpu_ms", "CPU, ms"), ("peak", "peak, × the mail"))
        # The peak of a small mail is that of the server's other work.
        if (name, figure) != ("10_kb", "peak")
    }
    servers = {"hashing": "reading and hashing", "anymail": "Anymail", "frontdesk": "Frontdesk"}
    yield from _grid(now, servers, columns)


def _lambda(now: Results) -> Iterator[str]:
    columns = {"lambda_cold_ms": "cold, ms CPU", "lambda_warm_ms": "warm, ms CPU"}
    handlers = {"bare": "three bare calls", "plain": "plain handler", "function": "Frontdesk"}
    yield from _grid(now, handlers, columns)


def _profile(name: str, title: str) -> Iterator[str]:
    yield f"\n#### {title}\n"
    for label in ("before", "after"):
        path = FOLDER / "pictures" / f"{label}-{name}.svg"
        if path.exists():
            yield f"{label.capitalize()}:\n\n![{title}, {label}]({path.relative_to(FOLDER)})\n"


def _grid(now: Results, rows: dict[str, str], columns: dict[str, str]) -> Iterator[str]:
    yield from _table(
        ("", *columns.values()),
        [
            (label, *(_value(now, f"{key}.{name}") for name in columns))
            for key, label in rows.items()
        ],
    )


def _value(now: Results, figure: str) -> str:
    if not now.figures.get(figure):
        return ""
    return f"{_digits(now.spread(figure)[1])} ({_range(now, figure)})"


def _range(now: Results, figure: str) -> str:
    low, _, high = map(_digits, now.spread(figure))
    return low if low == high else f"{low} to {high}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def figures_of(path: Path = README) -> str:
    """The generated part as it stands."""
    return path.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()
