"""``frontdesk relay``: bring on its way what was left behind."""

from collections import Counter

import click

from application.work_off_spool import WorkedOff
from entrypoints.cli.commands import Command
from entrypoints.cli.opened import opened_container
from entrypoints.cli.output import count, examples, json_option, plain, print_json, print_rich
from entrypoints.cli.progress import progress


@click.command(
    cls=Command,
    short_help="Bring on its way what was left behind.",
    epilog=examples("frontdesk relay", "frontdesk relay --json"),
)
@json_option
def relay(*, as_json: bool) -> None:
    """Work off the spool, and publish the messages that stayed pending.

    'frontdesk serve' and the functions on Lambda do this all the time. Safe beside them, twice
    at once, and to stop at any point. Ends when nothing is left that can be done now; exit
    code 1 if something still fails.
    """
    done: Counter[str] = Counter()
    with opened_container() as container, progress("messages", quiet=as_json) as advance:
        while outcomes := container.work_off_spool()():
            done.update(outcomes)
            advance(done.total())
            # What was put back comes again before long: during an outage there would be no end.
            if {*outcomes} == {WorkedOff.PUT_BACK}:
                break
        while (report := container.relay_pending()()).stuck:
            done.update(relayed=report.relayed, failed=report.failed, given_up=report.given_up)
            advance(done.total())
            if not report.relayed:
                break
    found = {
        "received": done[WorkedOff.RECEIVED],
        "relayed": done["relayed"],
        "dead_letters": done[WorkedOff.DEAD_LETTER] + done["given_up"],
        "failed": done[WorkedOff.PUT_BACK] + done["failed"],
    }
    if as_json:
        print_json(found)
    else:
        print_rich(plain(_summary(found), "bold"))
    if found["failed"]:
        raise click.ClickException(
            f"{count(found['failed'], 'message')} cannot be brought on the way now: "
            "'frontdesk doctor' tells what does not answer"
        )


def _summary(found: dict[str, int]) -> str:
    if not any(found.values()):
        return "Nothing was left behind."
    return (
        f"{count(found['received'], 'webhook')} received from the spool, "
        f"{count(found['relayed'], 'pending message')} published, "
        f"{count(found['dead_letters'], 'dead letter')} written."
    )
