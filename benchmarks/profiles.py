"""Pictures of where the time goes: of a server under load, and of what a start imports."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from benchmarks import servers, webhooks
from benchmarks.flame_graph import Stacks, draw
from benchmarks.plan import Plan, post
from benchmarks.processes import Measured, cores, pinned
from benchmarks.servers import PEERS_BIN, ROOT
from domain.channels import ChannelType
from domain.queues import ALL_QUEUES
from infrastructure.configuration.setting_rules import queue_variable

FOLDER = Path(__file__).resolve().parent / "pictures"
RATE = 250
WARM_UP = 10
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| ( *)(\S+)")
_IDLE = ("Condition.wait (", "EpollSelector.select (", "Event.wait (", "Queue.get (")
# What the package of the function does not have, dependency-injector does not find there.
_NOT_PACKAGED = "sys.modules.update(dict.fromkeys(('fastapi', 'flask', 'starlette', 'werkzeug')))"
_STARTS = {
    "queues-list": (
        "Imports of frontdesk queues list",
        "import sys; sys.argv[1:] = ['queues', 'list']; "
        "from entrypoints.cli.main import main; main()",
    ),
    "lambda-cold": (
        "Imports of the Lambda function",
        f"import sys; {_NOT_PACKAGED}; import entrypoints.aws_lambda.webhook_handler",
    ),
}


def draw_all(plan: Plan, label: str) -> None:
    """Every picture, as ``pictures/LABEL-*.svg``."""
    FOLDER.mkdir(exist_ok=True)
    folder = plan.folder / "profiles"
    seconds = plan.profile_seconds
    sms = webhooks.store(_made(folder) / "sms", webhooks.sms(plan.most_webhooks))
    mails = webhooks.store(folder / "mails", webhooks.mail(plan.most_webhooks // 4, 10_000))
    first = {
        ChannelType.SMS: webhooks.store(folder / "first-sms", webhooks.sms(WARM_UP)),
        ChannelType.EMAIL: webhooks.store(folder / "first-mails", webhooks.mail(WARM_UP, 10_000)),
    }
    for name, title, channel, file, connections in (
        ("sms-alone", "One SMS at a time", ChannelType.SMS, sms, 1),
        ("sms-at-once", "SMS on 32 connections", ChannelType.SMS, sms, plan.connections),
        ("mail-alone", "One mail of 10 KB at a time", ChannelType.EMAIL, mails, 1),
    ):
        server = servers.frontdesk(folder / f"{name}-server", channel)
        with server.running() as process:
            # What only the first webhook imports is left out.
            post(process, first[channel], connections=1)
            stacks = _sampled(process, file, folder / f"{name}.raw", seconds, connections)
        _write(label, name, draw(stacks, title, "samples"))
    environ = {**server.environ, **_aws_names(), "PATH": os.environ["PATH"]}
    for name, (title, code) in _STARTS.items():
        stacks = _imports(code, environ if "lambda" in name else dict(server.environ))
        _write(label, name, draw(stacks, title, "µs, with the price of measuring"))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _write(label: str, name: str, picture: str) -> None:
    (FOLDER / f"{label}-{name}.svg").write_text(picture, "utf-8")


def _sampled(
    process: Measured, file: Path, output: Path, seconds: float, connections: int
) -> Stacks:
    """The stacks of a server while the client posts. What is idle is left out."""
    command = [str(PEERS_BIN / "py-spy"), "record", "--pid", str(process.busiest())]
    options = {"--rate": RATE, "--duration": max(1, round(seconds)), "--format": "raw"}
    command += [str(word) for option in options.items() for word in option]
    command += ["--function", "--output", str(output)]
    with ThreadPoolExecutor() as pool:
        load = pool.submit(post, process, file, seconds=seconds + 1, connections=connections)
        sampled = subprocess.run(  # noqa: S603 - a tool of our own environment
            command,
            preexec_fn=pinned(cores()[1]),
            capture_output=True,
            text=True,
            check=False,
        )
        load.result()
    if sampled.returncode:
        raise click.ClickException(f"py-spy: {sampled.stderr.strip()}")
    return read_samples(output.read_text())


def read_samples(text: str) -> Stacks:
    """py-spy's raw form: frames, root first, and a count in each line.

    Threads that wait for work are left out; those that wait for the database are not.
    """
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        # The line of a function's beginning says nothing to a reader.
        stack = tuple(re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";"))
        if not stack[-1].startswith(_IDLE):
            stacks[stack] += int(count)
    return stacks


def read_imports(text: str) -> Stacks:
    """``python -X importtime``: own microseconds of each module, below those that import it."""
    stacks: dict[tuple[str, ...], float] = {}
    importers: list[str] = []
    # A module comes after those that it imports: so from the end, each after its importer.
    for line in reversed(text.splitlines()):
        if found := _IMPORT.match(line):
            depth = len(found[2]) // 2
            importers[depth:] = [found[3]]
            stacks[tuple(importers)] = stacks.get(tuple(importers), 0) + int(found[1])
    return stacks


def _imports(code: str, environ: Mapping[str, str]) -> Stacks:
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-X", "importtime", "-c", code],
        cwd=ROOT,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=True,
    )
    return read_imports(done.stderr)


def _aws_names() -> dict[str, str]:
    """Settings of a function whose resources are nowhere: clients are built, and not used."""
    tables = ("CONVERSATIONS", "MESSAGES", "PARTICIPANTS", "FALLBACK_THROTTLE")
    url = "https://sqs.us-east-1.amazonaws.com/000000000000/{}"
    return {
        "STORAGE": "dynamodb",
        "QUEUE": "sqs",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "invented",
        "AWS_SECRET_ACCESS_KEY": "invented",
        "BLOBS_BUCKET": "blobs",
        "SPOOL_QUEUE_URL": url.format("spool.fifo"),
        **{f"{name}_TABLE": name.lower() for name in tables},
        **{queue_variable(queue): url.format(queue) for queue in ALL_QUEUES},
    }
