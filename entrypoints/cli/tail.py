"""``frontdesk tail``: follow the webhooks that the server handles."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import NoReturn

import click

from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import latency, one_line, print_json, printable

_PATIENCE_SECONDS = 3.0
_COLORS = {
    **dict.fromkeys(("recorded", "received"), "green"),
    **dict.fromkeys(("unmatched", "spooled", "released"), "yellow"),
    **dict.fromkeys(("refused", "failed", "dead_letter"), "red"),
}
_COLUMNS: Mapping[str, int] = {
    "time (UTC)": 10,
    "channel": 8,
    "outcome": 15,
    "request id, or reason": 36,
    "duration": 8,
    "queue": 16,
    "conversation": 12,
}
"""The columns and their widths. On a narrow terminal the last ones are left out."""

_GAP = "  "
_ID_DIGITS = 8
"""So much of a conversation's id tells it apart from the others on a screen."""

_TIME = re.compile(r"T([0-9:]{8})")

_ON_AWS = """\
The functions of stage {stage} log to CloudWatch. This follows their webhooks:

  aws logs tail "$(aws lambda get-function-configuration \\
      --function-name frontdesk-{stage}-IncomingWebhookHandler \\
      --query LoggingConfig.LogGroup --output text)" \\
    --follow --filter-pattern '{{ $.message = "webhook handled" }}'

The same in Logs Insights, for any time:

  {query}

A server that works on these backends writes its log to its own standard error."""
_QUERY = """\
fields @timestamp, channel, outcome, reason, duration_ms, conversation_id, request_id
  | filter message = "webhook handled"
  | sort @timestamp desc"""


@click.command(cls=Command, epilog=examples("frontdesk tail", "frontdesk tail --json"))
@json_option
def tail(*, as_json: bool) -> None:
    """Follow the webhooks that the server handles, a line each.

    Every webhook is shown as the server answers it: also duplicates and refused ones, what is
    spooled, and what the spool gives back. What came before is not shown; on a busy server
    lines may be left out, which is said. It shows what the server logs: with a LOG_LEVEL above
    INFO that is nothing. Ctrl-C ends it. With --json: the lines of the log. For AWS it prints
    the log query to run.
    """
    with open_container() as container:
        settings = container.settings()
    if "sqlite" not in (settings.storage, settings.queue):
        _print_query(settings.stage, as_json=as_json)
        return
    _follow(settings.data_dir, as_json=as_json)


def _follow(directory: Path, *, as_json: bool) -> NoReturn:
    from infrastructure.configuration.followed_log import follow_log

    with follow_log(directory) as log:
        show = print_json if as_json else _Table().show
        lines = log.read(_PATIENCE_SECONDS)
        if not lines:
            _note(f"no server works on {directory} yet: start 'frontdesk serve'")
        while True:
            for line in lines:
                if "server" in line:
                    _note(f"following the server's process {line['server']}, Ctrl-C ends")
                elif "lost" in line:
                    _note(f"lines that were left out, for they came too fast: {line['lost']}")
                else:
                    show(line)
            lines = log.read(_PATIENCE_SECONDS)


def _note(text: str) -> None:
    """Say what is no webhook."""
    click.echo(one_line(text), err=True)


def _print_query(stage: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"stage": stage, "logs_insights_query": " ".join(_QUERY.split())})
    else:
        click.echo(_ON_AWS.format(stage=stage, query=_QUERY))


class _Table:
    """Rows under each other as they come: the widths are known before the first one."""

    def __init__(self) -> None:
        left = get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
        self._widths: dict[str, int] = {}
        for name, width in _COLUMNS.items():
            left -= width + len(_GAP)
            if left + len(_GAP) < 0:
                break
            self._widths[name] = width
        self._has_head = False

    def show(self, line: Mapping[str, object]) -> None:
        """Print the row of a line of the log, the first one with the names of the columns."""
        if not self._has_head:
            self._has_head = True
            click.secho(self._row({name: name for name in self._widths}), bold=True)
        click.echo(self._row(_cells(line), _COLORS.get(str(line.get("outcome")))))

    def _row(self, cells: Mapping[str, object], color: str | None = None) -> str:
        texts = {
            name: printable("-" if cells.get(name) is None else str(cells[name])).ljust(width)
            for name, width in self._widths.items()
        }
        last = next(reversed(texts))
        texts[last] = texts[last].rstrip()
        if color:
            texts["outcome"] = click.style(texts["outcome"], fg=color)
        return _GAP.join(texts.values())


def _cells(line: Mapping[str, object]) -> dict[str, object]:
    time = _TIME.search(str(line.get("timestamp")))
    duration = line.get("duration_ms")
    conversation_id = line.get("conversation_id")
    return {
        "time (UTC)": time[1] if time else None,
        "channel": line.get("channel"),
        "outcome": line.get("outcome"),
        "request id, or reason": line.get("request_id") or _reason(line),
        "duration": latency(float(str(duration)) / 1000) if duration is not None else None,
        "queue": line.get("queue"),
        "conversation": str(conversation_id)[:_ID_DIGITS] if conversation_id else None,
    }


def _reason(line: Mapping[str, object]) -> object:
    if "spool_entry_id" in line:
        return "from the spool"
    known = [str(line[name]) for name in ("status", "reason") if line.get(name) is not None]
    return line.get("dead_letter_id") or " ".join(known) or None
