"""Commands on a real terminal of a chosen width."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

COMMAND = (sys.executable, "-c", "from entrypoints.cli.main import main; main()")
_ERASE = "\x1b[2K"
_LINE_BEFORE = re.compile(r"[^\n]*\r\n[^\n]*\r\x1b\[1A" + re.escape(_ERASE))
"""A line that the command went back to, and erased."""

_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(*arguments: str, columns: int = 80) -> list[str]:
    """The lines that ``frontdesk ARGUMENTS`` leaves, in the order in which they begin.

    What the command erased again is not among them.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*COMMAND, *arguments], {**os.environ, "TERM": "xterm"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    shown = _all_of(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    lines = (line.rpartition(_ERASE)[2] for line in _LINE_BEFORE.sub("", shown).split("\r\n"))
    return [text for line in lines if (text := _STYLE.sub("", line).strip("\r"))]


def _all_of(terminal: int) -> str:
    parts = []
    try:
        while part := os.read(terminal, 65_536):
            parts.append(part)
    except OSError:  # the other end was closed
        pass
    os.close(terminal)
    return b"".join(parts).decode()
