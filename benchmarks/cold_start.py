"""What a cold start costs: the packaged function against the least that any could cost.

    python -m benchmarks.cold_start

Two programs are run in fresh processes, one after the other, again and again, and their CPU
time is compared: the packaged function, from its start until its first SMS is answered, and
``boto3`` with the two clients and three calls that a webhook cannot do without. Both talk to
the same emulator of AWS, whose own time does not count. Ends with status 1 over the target.
"""

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.emulated_aws import ACCOUNT_SID, AUTH_TOKEN, function_environ
from domain.channels import ChannelType
from infrastructure.channels.twilio.simulator import TwilioSimulator

SCRIPTS = Path(__file__).resolve().parent
TARGET = 1.3
URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod/webhooks/sms"
SENDER, RECIPIENT = "+14155550123", "+15005550006"


@dataclass(frozen=True)
class Program:
    """A script, and what it is told."""

    script: str
    arguments: tuple[str, ...]

    def cpu_milliseconds(self, environ: Mapping[str, str]) -> float:
        """The CPU time of one run from nothing. Raises if it fails.

        Isolated and without ``site``: nothing is found beside what the script adds to its
        path, whatever else is installed.
        """
        command = [sys.executable, "-I", "-S", str(SCRIPTS / self.script)]
        process = subprocess.Popen(  # noqa: S603 - our own scripts
            [*command, *self.arguments], env=dict(environ), stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise click.ClickException(f"{self.script} ended with {process.returncode}")
        return (usage.ru_utime + usage.ru_stime) * 1000


def an_event() -> dict[str, object]:
    """A REST API's event with an SMS, signed, unlike any other."""
    twilio = TwilioSimulator(ACCOUNT_SID, AUTH_TOKEN)
    request = twilio.request(
        URL, ChannelType.SMS, sender=SENDER, recipient=RECIPIENT, body="Is my order on its way?"
    )
    return {
        "httpMethod": "POST",
        "path": "/webhooks/sms",
        "headers": request.headers,
        "requestContext": {"domainName": URL.split("/")[2], "path": "/prod/webhooks/sms"},
        "body": request.body.decode(),
        "isBase64Encoded": False,
    }


def make_package(folder: Path) -> Path:
    """The zip for this interpreter."""
    output = folder / "function.zip"
    command = [sys.executable, "-m", "deploy.package", "--python", "current"]
    subprocess.run(  # noqa: S603 - our own
        [*command, "--output", str(output)],
        cwd=SCRIPTS.parent,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return output


def measure(
    folder: Path, package: Path, environ: Mapping[str, str], runs: int
) -> list[list[float]]:
    """CPU milliseconds of each program, in the order of the runs; the first pair only warms up."""
    unpacked, event = folder / "task", folder / "event.json"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(unpacked)
    libraries = sysconfig.get_path("purelib")
    table, queue = environ["MESSAGES_TABLE"], environ["SMS_REPLIES_QUEUE_URL"]
    programs = (
        Program("first_webhook.py", (str(unpacked), str(event))),
        Program("bare_calls.py", (libraries, table, queue)),
    )
    figures: list[list[float]] = [[], []]
    for number in range(runs + 1):
        event.write_text(json.dumps(an_event()))
        for program, figure in zip(programs, figures, strict=True):
            milliseconds = program.cpu_milliseconds(environ)
            if number:
                figure.append(milliseconds)
    return figures


@click.command(help=__doc__.partition("\n")[0])
@click.option("--runs", default=15, show_default=True, help="How often each program is run.")
@click.option(
    "--package",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A zip made by 'python -m deploy.package --python current'.  [default: make one]",
)
def main(runs: int, package: Path | None) -> None:
    """Measure, and say how the two compare."""
    with tempfile.TemporaryDirectory() as name, function_environ() as environ:
        folder = Path(name)
        function, bare = measure(folder, package or make_package(folder), environ, runs)
    for label, figure in (("packaged function", function), ("boto3, bare calls", bare)):
        low, middle, high = min(figure), statistics.median(figure), max(figure)
        click.echo(f"{label}  median {middle:6.1f} ms CPU  ({low:.1f} to {high:.1f})")
    ratio = statistics.median(one / other for one, other in zip(function, bare, strict=True))
    click.echo(f"ratio, median of {runs} pairs: {ratio:.2f}  (target: at most {TARGET})")
    sys.exit(ratio > TARGET)


if __name__ == "__main__":
    main()
