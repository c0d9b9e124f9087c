"""``frontdesk tail`` beside a real server: every webhook is a line as it is answered."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

from entrypoints.cli.main import cli
from tests.processes import FRONTDESK, environment, server_process

SMS = ("send", "sms", "--body", "Hi", "--from")
KNOWN, UNKNOWN = "+14155550123", "+14155550177"
SAME = ("--message-id", "SM" + "1" * 32)
FORGED_MAIL = ("send", "email", "--from", "ana@example.com", "--spf", "fail", "--dkim", "none")
WEBHOOKS = (
    (*SMS, KNOWN, *SAME),
    (*SMS, KNOWN, *SAME),
    (*SMS, UNKNOWN),
    (*SMS, KNOWN, "--tamper"),
    (*FORGED_MAIL, "--body", "Hi"),
)


class Follower:
    """A running ``frontdesk tail``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def wait_for_note(self, words: str) -> None:
        """Wait until the command says ``words`` on standard error."""
        assert self.process.stderr is not None
        assert any(words in note for note in self.process.stderr)

    def lines(self, number: int) -> list[str]:
        """The next lines on standard output."""
        assert self.process.stdout is not None
        return [self.process.stdout.readline().rstrip("\n") for _ in range(number)]


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def following(environ: Mapping[str, str], *options: str) -> Iterator[Follower]:
    """``frontdesk tail``, which Ctrl-C ends after the block."""
    with subprocess.Popen(
        [FRONTDESK, "tail", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores the signal, and its children inherit that.
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it only resets a signal
    ) as process:
        try:
            yield Follower(process)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 128 + signal.SIGINT


def test_tail_shows_each_webhook_with_its_outcome(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environ = environment(data_dir, UNAUTHENTICATED_MAIL="dead-letter")
    run = CliRunner(env=environ).invoke
    run(cli, ["demo"])
    with server_process(environ, tmp_path / "log") as server:
        with following(environ) as person, following(environ, "--json") as program:
            for follower in (person, program):
                follower.wait_for_note("following the server's process")
            for webhook in WEBHOOKS:
                run(cli, [*webhook, "--url", server.origin])
            records = [json.loads(line) for line in program.lines(len(WEBHOOKS))]
            head, *rows = person.lines(1 + len(WEBHOOKS))
        assert not [*data_dir.glob("*.pipe")]
    logged = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert [row for row in records if row in logged] == records
    expected = ["recorded", "duplicate", "unmatched", "refused", "dead_letter"]
    assert [record["outcome"] for record in records] == expected
    assert head.split()[:4] == ["time", "(UTC)", "channel", "outcome"]
    assert [row.split()[2] for row in rows] == expected
    assert [row.split()[3] for row in rows] == [
        *(record["request_id"] for record in records[:3]),
        "401",
        records[4]["dead_letter_id"],
    ]
