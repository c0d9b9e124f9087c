"""Completion in the shell: the protocol, and bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrypoints.cli.main import cli
from tests.documentation.documents import prose

LINE_FOR_BASH = 'eval "$(_FRONTDESK_COMPLETE=bash_source frontdesk)"'


def completed(words: str) -> set[str]:
    """What the shell offers for the last of ``words``, which may be empty."""
    environ = {
        "_FRONTDESK_COMPLETE": "bash_complete",
        "COMP_WORDS": f"frontdesk {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    result = CliRunner(env=environ).invoke(cli, prog_name="frontdesk")
    assert (result.exit_code, result.stderr) == (0, "")
    return {line.partition(",")[2] for line in result.stdout.split()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("", set(cli.commands)),
        ("q", {"queues"}),
        ("queues ", {"list", "read", "look", "move", "acknowledge"}),
        ("queues read sms", {"sms-replies", "sms-handoff"}),
        ("queues read sms-replies --vis", {"--visibility-seconds"}),
        ("queues move sms-replies RECEIPT ", {"handoff", "replies"}),
        ("conversations open --channel ", {"whatsapp", "sms", "email"}),
        ("send email --sp", {"--spf"}),
        ("send email --spf n", {"neutral", "none"}),
        ("dead-letters show ", set()),
    ],
)
def test_shell_completes_commands_options_and_choices(words: str, offered: set[str]) -> None:
    assert completed(words) == offered


def test_line_of_the_page_makes_bash_complete() -> None:
    assert f"`{LINE_FOR_BASH}`" in prose("docs/command-line.md").replace("\n  ", " ")
    bash = shutil.which("bash")
    assert bash is not None
    script = f"""
        {LINE_FOR_BASH}
        COMP_WORDS=(frontdesk conversations h) COMP_CWORD=2
        _frontdesk_completion frontdesk
        echo "${{COMPREPLY[@]}}"
    """
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("hand-off\n", "")
