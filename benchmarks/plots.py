"""Draws the figures of ``results.json``. Runs in the environment of the peers.

.venv-bench/bin/python -m benchmarks.plots
"""

import re
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import BEFORE, FOLDER, RESULTS, Results, read_results

PICTURES = FOLDER / "pictures"
OURS, BEFORE_OURS, OTHERS = "#3182bd", "#9ecae1", "#969696"
CAPTION = "median of the rounds; the lines show the lowest and the highest"

Bar = tuple[str, Results, str, str]
"""A label, where its figure is from, the figure's name, and a colour."""


def _bars(axes: Axes, title: str, unit: str, bars: Sequence[Bar]) -> None:
    shown = [bar for bar in bars if bar[1].figures.get(bar[2])]
    spreads = [results.spread(figure) for _, results, figure, _ in shown]
    middles = [middle for _, middle, _ in spreads]
    errors = [
        [middle - low for low, middle, _ in spreads],
        [high - middle for _, middle, high in spreads],
    ]
    places = range(len(shown))
    axes.barh(places, middles, xerr=errors, color=[colour for *_, colour in shown], capsize=3)
    axes.set_yticks(places, [label for label, *_ in shown])
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    for place, (_, middle, high) in zip(places, spreads, strict=True):
        shown_value = f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"  # noqa: PLR2004
        axes.annotate(shown_value, (high, place), (6, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, max((high for *_, high in spreads), default=1) * 1.2)


def _draw_http(now: Results, before: Results | None) -> Figure:
    def bars(figure: str, *others: str) -> list[Bar]:
        names = {"empty": "empty server", "flask": "Flask"}
        found = [(names[other], now, f"{other}.{figure}", OTHERS) for other in others]
        if before:
            found.append(("Frontdesk before", before, f"frontdesk.{figure}", BEFORE_OURS))
        return [*found, ("Frontdesk", now, f"frontdesk.{figure}", OURS)]

    picture, axes = pyplot.subplots(2, 2, figsize=(11, 5.2), layout="constrained")
    _bars(
        axes[0, 0],
        "SMS, 32 connections, one core",
        "webhooks/s",
        bars("webhooks_per_second", "flask"),
    )
    _bars(axes[0, 1], "Server CPU a webhook", "ms", bars("cpu_ms", "empty", "flask"))
    _bars(axes[1, 0], "p50 at 70 % of the top rate of each", "ms", bars("p50_ms", "flask"))
    _bars(axes[1, 1], "p99 at 70 % of the top rate of each", "ms", bars("p99_ms", "flask"))
    picture.supxlabel(CAPTION, fontsize="small")
    return picture  # fmt: skip


def _line(axes: Axes, results: Results, pattern: str, label: str, colour: str) -> None:
    found = {
        int(match[1]): results.spread(name)
        for name in results.figures
        if (match := re.fullmatch(pattern, name))
    }
    sizes = sorted(found)
    middles = [found[size][1] for size in sizes]
    errors = [
        [found[size][1] - found[size][0] for size in sizes],
        [found[size][2] - found[size][1] for size in sizes],
    ]
    axes.errorbar(sizes, middles, errors, label=label, color=colour, marker="o", capsize=3)


def _draw_growth(now: Results, before: Results | None) -> Figure:
    picture, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    pattern = r"cpu_ms_beside_(\d+)"
    if before:
        _line(axes, before, pattern, "Frontdesk before", BEFORE_OURS)
    _line(axes, now, pattern, "Frontdesk", OURS)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title("CPU a webhook beside much data (without HTTP)", loc="left")
    axes.set_xlabel(f"messages, conversations and pending messages in the database\n{CAPTION}")
    axes.set_ylabel("ms")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return picture


def _draw_mail(now: Results, before: Results | None) -> Figure:
    def bars(figure: str) -> list[Bar]:
        found: list[Bar] = [
            ("reading and hashing", now, f"hashing.{figure}", OTHERS),
            ("Anymail", now, f"anymail.{figure}", OTHERS),
        ]
        if before:
            found.append(("Frontdesk before", before, f"frontdesk.{figure}", BEFORE_OURS))
        return [*found, ("Frontdesk", now, f"frontdesk.{figure}", OURS)]

    picture, axes = pyplot.subplots(2, 2, figsize=(11, 5.2), layout="constrained")
    for place, name, size in (
        (axes[0, 0], "10_kb", "10 KB"),
        (axes[0, 1], "1_mb", "1 MB"),
        (axes[1, 0], "25_mb", "25 MB"),
    ):
        _bars(place, f"CPU of a mail of {size}", "ms", bars(f"mail_{name}_cpu_ms"))
    title = "Memory at the peak of a mail of 25 MB"
    _bars(axes[1, 1], title, "times its size", bars("mail_25_mb_peak"))
    picture.supxlabel(CAPTION, fontsize="small")
    return picture


def main() -> None:
    """Draw every picture again."""
    now, before = read_results(RESULTS), read_results(BEFORE)
    if now is None:
        raise SystemExit("there are no results: run 'make bench' first")
    if before and before.figures == now.figures:
        before = None
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "frontdesk", "svg.fonttype": "none", "font.size": 9})
    for name, draw in (("http", _draw_http), ("growth", _draw_growth), ("mail", _draw_mail)):
        draw(now, before).savefig(PICTURES / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
