"""Measure Frontdesk beside other programs, in one run: ``make bench``.

    python -m benchmarks.suite [--smoke] [--only NAME] [--before]

Everything is measured several times in turn; what is compared is of one round. Writes
``results.json``, the pictures and the figures of ``README.md``. The smoke form measures each
thing once and little, judges nothing, and writes nothing.
"""

import importlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks import profiles
from benchmarks.machine import IN_MEMORY, describe, filesystem
from benchmarks.plan import NotPossibleError, Plan, smoke
from benchmarks.report import write_report
from benchmarks.results import BEFORE, RESULTS, Results, read_results
from benchmarks.servers import PEERS_BIN, ROOT
from benchmarks.targets import TARGETS

MEASURES = ("http", "commits", "growth", "trace", "mail", "commands", "on_aws")
PROFILES = "profiles"
DATA = ROOT / "build" / "bench"


def run(plan: Plan, names: Sequence[str], label: str = "") -> Results:
    """Every measure that is named, and with a ``label`` the profiles."""
    results = Results(datetime.now(UTC).date().isoformat(), describe(plan.folder))
    started = time.monotonic()
    for name in names:
        click.echo(f"{time.monotonic() - started:4.0f} s  {name}")
        if name == PROFILES:
            profiles.draw_all(plan, label or "smoke")
            continue
        try:
            measure = importlib.import_module(f"benchmarks.measures.{name}").measure
            results.figures.update(measure(plan))
        except NotPossibleError as error:
            results.skipped[name] = str(error)
        except click.ClickException as error:
            results.failed[name] = error.message
    results.seconds = time.monotonic() - started
    click.echo(f"{results.seconds:4.0f} s  done")
    return results


def prepared_folder(folder: Path) -> Path:
    """An empty folder for data, on a disk: a sync to memory costs nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if (kind := filesystem(folder)) in IN_MEMORY:
        raise click.ClickException(f"{folder} is on {kind}: name a folder on a disk with --data")
    return folder


def keep(results: Results, path: Path, *, is_part: bool) -> None:
    """Store results; a part replaces only what it measured."""
    earlier = read_results(path) if is_part else None
    if earlier:
        figures = {**earlier.figures, **results.figures}
        results = replace(results, figures=figures, seconds=earlier.seconds)
    results.write(path)


def require_success(results: Results) -> None:
    """Raises what went wrong: a server refused something, or did not store it."""
    if results.failed:
        raise click.ClickException("; ".join(map(": ".join, results.failed.items())))


def show_targets(results: Results) -> None:
    """One line for each target that was measured."""
    for target in TARGETS:
        median = results.median(target.figure)
        if median is not None:
            click.echo(f"{target.shown(median):>10}  {target.measure}: {target.verdict(median)}")


@click.command(help=__doc__.partition("\n")[0])
@click.option("--smoke", "is_smoke", is_flag=True, help="Once and little: does everything run?")
@click.option("--only", multiple=True, type=click.Choice([*MEASURES, PROFILES]))
@click.option(
    "--before", is_flag=True, help="These are the figures that later ones are set beside."
)
@click.option("--data", default=DATA, type=click.Path(path_type=Path), help="Where data is kept.")
def main(*, is_smoke: bool, only: Sequence[str], before: bool, data: Path) -> None:
    """Measure, and write the report."""
    folder = prepared_folder(data)
    if is_smoke:
        require_success(run(smoke(folder), only or MEASURES))
        return
    results = run(Plan(folder), only or [*MEASURES, PROFILES], "before" if before else "after")
    show_targets(results)
    for path in (RESULTS, BEFORE) if before else (RESULTS,):
        keep(results, path, is_part=bool(only))
    subprocess.run(  # noqa: S603 - our own
        [str(PEERS_BIN / "python"), "-m", "benchmarks.plots"], cwd=ROOT, check=True
    )
    write_report()
    shutil.rmtree(folder)
    require_success(results)


if __name__ == "__main__":
    main()
