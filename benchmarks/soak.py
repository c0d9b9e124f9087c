"""Let a server work for long, kill it again and again, and count what it promised and kept.

``python -m benchmarks.soak`` posts signed SMS at a steady rate to a server with embedded storage,
kills it with SIGKILL at random moments and starts another. In the last third nothing is killed,
so that its memory can be watched. What got no answer is sent again in the end. Then each message
must be recorded once and have one context. Exits with 1 if that is not so, or if memory grows
(which only a long run can tell).
"""

import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click
import urllib3
from dependency_injector import providers

from application.clock import utc_now
from application.ports.context_queue import DelayedReader
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.queues import QueueKind, QueueName
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.secrets.development_secret import keep_development_credentials

FRONTDESK = str(Path(sys.executable).with_name("frontdesk"))
ORIGIN = "https://desk.example.com"
RECIPIENT = "+15005550006"
CONVERSATIONS = 100
AT_ONCE = 16
OK = 200
MANY = 10_000_000
MOST_BYTES_A_MESSAGE = 1000.0
"""How much more memory a message may cost for ever: what is flat shows a tenth of it as noise."""

ENOUGH_MESSAGES = 4000
"""From how many on that can be told: fewer show how a server warms up."""

REPORT_SECONDS = 10.0


@dataclass
class Victim:
    """The server that runs at the moment."""

    environ: Mapping[str, str]
    kills: int = 0
    samples: list[tuple[int, int]] = field(default_factory=list)
    """How many messages had been sent, and its memory then, in KiB."""

    def start(self) -> None:
        """Start one, and learn where it listens."""
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [FRONTDESK, "serve", "--port", "0"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline() if self.process.stdout else ""
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found is None:
            sys.exit("the server did not start")
        self.origin = found.group()
        self.samples.clear()

    def kill(self) -> None:
        """End it as a power failure would end it, and start the next."""
        self.process.kill()
        self.process.communicate()
        self.kills += 1
        self.start()

    def end(self) -> None:
        """End it in good order."""
        self.process.terminate()
        self.process.communicate()
        if self.process.returncode:
            sys.exit(f"the server ended with status {self.process.returncode}")

    def sample(self, sent: int) -> int:
        """Its memory now that so many messages were ``sent``, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        size_kib = int(status.partition("VmRSS:")[2].split()[0])
        self.samples.append((sent, size_kib))
        return size_kib


@dataclass
class Soak:
    """Posts messages, and remembers what each was answered."""

    data_dir: Path
    seconds: float
    rate: float
    chance: random.Random
    answers: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = urllib3.PoolManager(maxsize=AT_ONCE, retries=False, timeout=30)
        credentials = keep_development_credentials(self.data_dir)
        self.twilio = TwilioSimulator(credentials.twilio_account_sid, credentials.twilio_auth_token)

    def run(self, victim: Victim) -> None:
        """Post and kill; then post again what got no answer."""
        started = time.monotonic()
        next_kill = self._pause()
        next_report = 0.0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while (now := time.monotonic() - started) < self.seconds:
                message_id = f"SM{len(self.answers):032x}"
                self.answers[message_id] = None
                pool.submit(self._post, victim, message_id)
                if now > next_kill and now < self.seconds * 2 / 3:
                    victim.kill()
                    next_kill = now + self._pause()
                if now > next_report:
                    self._report(now, victim)
                    next_report = now + min(REPORT_SECONDS, self.seconds / 10)
                time.sleep(max(0.0, started + len(self.answers) / self.rate - time.monotonic()))
        for message_id in self.unanswered:
            self._post(victim, message_id)
        self._report(self.seconds, victim)

    @property
    def unanswered(self) -> list[str]:
        """The messages that got nothing, or no 2xx."""
        return [message_id for message_id, status in self.answers.items() if status != OK]

    def _pause(self) -> float:
        return self.chance.uniform(0.05, 0.15) * min(self.seconds, 120)

    def _post(self, victim: Victim, message_id: str) -> None:
        webhook = self._webhook(message_id)
        url = victim.origin + urlsplit(webhook.url).path
        try:
            answer = self.client.request("POST", url, body=webhook.body, headers=webhook.headers)
        except urllib3.exceptions.HTTPError:
            return
        self.answers[message_id] = answer.status

    def _webhook(self, message_id: str) -> SimulatedRequest:
        return self.twilio.request(
            f"{ORIGIN}/webhooks/sms",
            ChannelType.SMS,
            sender=sender(int(message_id[2:], 16) % CONVERSATIONS),
            recipient=RECIPIENT,
            body="Is my order on its way?",
            message_sid=message_id,
        )

    def _report(self, seconds: float, victim: Victim) -> None:
        click.echo(
            f"{seconds:6.0f} s  {len(self.answers):7} sent  {len(self.unanswered):5} unanswered  "
            f"{victim.kills:4} kills  {victim.sample(len(self.answers)) / 1024:6.1f} MiB"
        )


def sender(number: int) -> str:
    """Whoever writes in the conversation of this number."""
    return f"+1415555{number:04}"


def open_conversations(container: Container) -> None:
    """One for each sender."""
    for number in range(CONVERSATIONS):
        container.conversation_store().open_conversation(
            Conversation(
                conversation_id=f"soak-{number}",
                primary_channel=ChannelType.SMS,
                sender_id=sender(number),
                recipient_id=RECIPIENT,
            )
        )


def deliver_all(container: Container) -> None:
    """Do what a server does in ten minutes, without waiting for them."""
    while drain_some(container) or relay_some(container):
        pass


def broken_promises(container: Container, soak: Soak) -> Iterator[str]:
    """How what is kept differs from what was sent: each message once, and one context of it."""
    sent = Counter(list(soak.answers))
    recorded: Counter[str] = Counter()
    for conversation in container.conversation_store().list_conversations(CONVERSATIONS).items:
        history = container.message_store().history(conversation.key, limit=MANY)
        recorded.update(message.message_id for message in history)
    queue = QueueName(ChannelType.SMS, QueueKind.REPLIES)
    reader = container.context_queue()
    if not isinstance(reader, DelayedReader):
        raise click.ClickException("the queue does not show delayed contexts")
    deliveries = reader.receive_with_delayed(queue, MANY)
    routed = Counter(delivery.context.message.message_id for delivery in deliveries)
    for name, found in (("recorded", recorded), ("routed", routed)):
        click.echo(f"{found.total()} {name}")
        if missing := (sent - found).total():
            yield f"{missing} messages are not {name}"
        if surplus := (found - sent).total():
            yield f"{surplus} messages are {name} more than once"
    if soak.unanswered:
        yield f"{len(soak.unanswered)} messages got no 2xx in the end"


def bytes_a_message(samples: Sequence[tuple[int, int]]) -> float | None:
    """By how much memory grew with each message of the last two thirds of ``samples``.

    Before that everything warms up. ``None`` if there were too few to tell.
    """
    settled = samples[len(samples) // 3 :]
    sent, sizes_kib = zip(*settled, strict=True)
    if sent[-1] - sent[0] < ENOUGH_MESSAGES:
        return None
    return 1024 * statistics.linear_regression(sent, sizes_kib).slope


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="How long.")
@click.option("--rate", default=40.0, show_default=True, help="Messages a second.")
@click.option("--seed", default=1, show_default=True, help="Decides when the server is killed.")
def main(seconds: float, rate: float, seed: int) -> None:
    """Post, kill, count."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-soak-") as folder:
        environ = {"DATA_DIR": folder, "PUBLIC_BASE_URL": ORIGIN}
        container = build_container(environ)
        container.clock.override(providers.Object(lambda: utc_now() + timedelta(minutes=10)))
        open_conversations(container)
        soak = Soak(Path(folder), seconds, rate, random.Random(seed))  # noqa: S311 - to be repeated
        victim = Victim({**environ, "PATH": os.environ["PATH"]})
        victim.start()
        try:
            soak.run(victim)
        finally:
            victim.end()
        deliver_all(container)
        problems = [*broken_promises(container, soak)]
        container.shutdown_resources()
    if (grown := bytes_a_message(victim.samples)) is not None:
        click.echo(f"memory grew by {grown:.0f} bytes a message in the end")
        if grown > MOST_BYTES_A_MESSAGE:
            problems.append("that is too much: something is never given back")
    if problems:
        sys.exit("\n".join(problems))
    click.echo("every promise was kept")


if __name__ == "__main__":
    main()
