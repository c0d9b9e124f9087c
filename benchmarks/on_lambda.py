"""What a webhook costs on Lambda: the packaged function beside two peers.

    python -m benchmarks.on_lambda

The peers are the plain handler and the three calls that no webhook can do without. Each run is a
fresh process, in turn; all talk to one emulator of AWS, whose own time does not count. Figures
are CPU milliseconds: compare them within one run, never with those of another machine.
"""

import json
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from benchmarks.emulated_aws import FunctionAws, function_aws, sms_events
from deploy.package import ROOT, sizes
from entrypoints.aws_lambda.webhook_function import assemble
from entrypoints.composition.container import build_container
from tests.infrastructure.aws.dynamodb.dynamodb_costs import counted_writes
from tests.infrastructure.aws.dynamodb.dynamodb_faults import recorded_calls

PEERS = Path(__file__).resolve().parent / "peers"
WARM_UP = 10
WARM_EVENTS = 60
"""How many events a warm process answers, after those that warm it up."""

LONG_HISTORY = 600
"""How many earlier messages the conversation has that shows how the plain handler grows."""


@dataclass(frozen=True)
class Handler:
    """A module with a ``lambda_handler``, and where it and its libraries are."""

    module: str
    folder: Path
    libraries: Path

    def run(
        self, environ: Mapping[str, str], events: Sequence[object], warm_up: int = 0
    ) -> dict[str, float]:
        """What ``invoke.py`` measures in one process. Raises if an event is not answered.

        Isolated and without ``site``: nothing is found beside the two folders, whatever else
        is installed.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(events, file)
            file.flush()
            places = [str(self.folder), str(self.libraries), self.module, file.name, str(warm_up)]
            done = subprocess.run(  # noqa: S603 - our own script
                [sys.executable, "-I", "-S", str(PEERS / "invoke.py"), *places],
                env=dict(environ),
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise click.ClickException(f"{self.module}: {done.stderr}")
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return measured


def measure(runs: int) -> dict[str, object]:
    """Everything that can be told of the function, as plain figures for JSON."""
    with tempfile.TemporaryDirectory() as name, function_aws() as aws:
        package = make_package(Path(name))
        task = Path(name) / "task"
        with zipfile.ZipFile(package) as archive:
            archive.extractall(task)
        handlers = {
            "function": Handler("entrypoints.aws_lambda.webhook_handler", task, task),
            "plain": _peer("plain_handler"),
            "bare": _peer("bare_calls"),
        }
        return {
            "unit": "ms CPU",
            "runs": runs,
            "cold": _cold(handlers, aws, runs),
            "warm": _warm(handlers, aws, max(1, runs // 3)),
            "warm_plain_long_history": _warm_long(handlers, aws),
            "counts": counts(aws),
            "package": {"zip_bytes": package.stat().st_size, "unpacked_bytes": sizes(package)},
        }


def make_package(folder: Path) -> Path:
    """The zip for this interpreter."""
    output = folder / "function.zip"
    command = [sys.executable, "-m", "deploy.package", "--python", "current"]
    subprocess.run(  # noqa: S603 - our own
        [*command, "--output", str(output)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return output


def counts(aws: FunctionAws) -> dict[str, object]:
    """The calls and the write units of one matched SMS."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in aws.environ.items():
            patch.setenv(variable, value)
        container = build_container(aws.environ)
        function = assemble(container, lambda: None)
        (event,) = sms_events(1)
        dynamodb, sqs = container.dynamodb(), container.sqs()
        with (
            counted_writes(dynamodb) as write_units,
            recorded_calls(dynamodb) as to_dynamodb,
            recorded_calls(sqs, "sqs") as to_sqs,
        ):
            function(event)
    return {
        "round_trips_dynamodb": len(to_dynamodb),
        "round_trips_sqs": len(to_sqs),
        "write_units": sum(write_units),
    }


def _peer(module: str) -> Handler:
    return Handler(module, PEERS, Path(sysconfig.get_path("purelib")))


def _cold(handlers: Mapping[str, Handler], aws: FunctionAws, runs: int) -> dict[str, object]:
    measured = _in_turn(handlers, runs, lambda handler: handler.run(aws.environ, sms_events(1)))
    modules = {name: each[0]["modules"] for name, each in measured.items()}
    return {**_compared(measured, "cold_ms"), "modules": modules}


def _warm(handlers: Mapping[str, Handler], aws: FunctionAws, runs: int) -> dict[str, object]:
    def run(handler: Handler) -> dict[str, float]:
        aws.empty_plain_conversation()
        return handler.run(aws.environ, sms_events(1 + WARM_UP + WARM_EVENTS), WARM_UP)

    return _compared(_in_turn(handlers, runs, run), "warm_ms")


def _warm_long(handlers: Mapping[str, Handler], aws: FunctionAws) -> float:
    aws.empty_plain_conversation(LONG_HISTORY)
    return handlers["plain"].run(aws.environ, sms_events(WARM_UP + 10), WARM_UP)["warm_ms"]


def _in_turn(
    handlers: Mapping[str, Handler], runs: int, run: Callable[[Handler], dict[str, float]]
) -> dict[str, list[dict[str, float]]]:
    """A B C A B C ...; the first turn only warms the disk's cache."""
    turns = [{name: run(handler) for name, handler in handlers.items()} for _ in range(runs + 1)]
    return {name: [turn[name] for turn in turns[1:]] for name in handlers}


def _compared(
    measured: Mapping[str, Sequence[Mapping[str, float]]], figure: str
) -> dict[str, object]:
    """Each handler's own figure, and the ratios of the runs that followed each other."""
    values = {name: [run[figure] for run in runs] for name, runs in measured.items()}
    pairs = (("function", "plain"), ("function", "bare"), ("plain", "bare"))
    ratios = {
        f"{one}/{other}": [a / b for a, b in zip(values[one], values[other], strict=True)]
        for one, other in pairs
    }
    return {name: _spread(each) for name, each in {**values, **ratios}.items()}


def _spread(values: Sequence[float]) -> dict[str, float]:
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(figure, 3) for name, figure in figures.items()}


def _lines(measured: object, name: str = "") -> Iterator[str]:
    if isinstance(measured, dict):
        for key, value in measured.items():
            yield from _lines(value, f"{name}.{key}" if name else key)
    else:
        yield f"{name}: {measured}"


@click.command(help=__doc__.partition("\n")[0])
@click.option("--runs", default=15, show_default=True, help="How often each handler is started.")
def main(runs: int) -> None:
    """Measure, and print every figure."""
    for line in _lines(measure(runs)):
        click.echo(line)


if __name__ == "__main__":
    main()
