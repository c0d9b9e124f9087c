"""``frontdesk doctor``: is everything that the settings name as it should be?"""

from collections.abc import Iterator

import click

from application.ports.checks import CheckResult, CheckStatus
from entrypoints.cli.signature import signature
from entrypoints.cli.terminal.commands import Group, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import attributes, count, plain, print_json
from entrypoints.cli.terminal.tables import print_beside

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog=examples("frontdesk doctor", "frontdesk doctor --probe", "frontdesk doctor --json"),
)
@click.option("--probe", is_flag=True, help="Post to the public URL as the providers do.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, *, probe: bool, as_json: bool) -> None:
    """Check all that the settings name.

    A line for each check: 'ok', 'warning' for what may be intended, or 'error' with what was
    expected. Without an error, also the backlog: the spool, what is on no queue, dead letters.
    What is tried again by itself is a 'warning' that says when. What cannot be read is an
    'error', and what cannot be checked from here is 'skipped'. No data is changed. Exits with
    1 after an error.

    With --probe it also posts to the configured public URL: a signed status callback as Twilio,
    and an unsigned request as anyone. Neither is stored.
    """
    if ctx.invoked_subcommand:
        return
    errors = 0
    for result in _check_results(probe=probe):
        errors += result.status == "error"
        if as_json:
            print_json(attributes(result, "check", "status", "text"))
        else:
            status = plain(f"{result.status:<8}", _STYLES[result.status])
            print_beside(status + plain(f"{result.check:<16}"), plain(result.text))
    if errors:
        raise click.ClickException(f"{count(errors, 'problem')} found")


def _check_results(*, probe: bool) -> Iterator[CheckResult]:
    from domain.errors import OldFormError
    from entrypoints.operations.checks import run_checks
    from entrypoints.operations.probes import run_probes
    from infrastructure.configuration.settings import SettingsError

    try:
        with open_container(may_create=True) as container:
            settings = container.settings()
            backends = f"storage {settings.storage}, queues {settings.queue}"
            yield CheckResult("settings", CheckStatus.OK, backends)
            yield from run_checks(container)
            if probe:
                yield from run_probes(container)
    except SettingsError as error:
        for problem in error.problems:
            yield CheckResult("settings", CheckStatus.ERROR, problem)
    except OldFormError as error:
        yield CheckResult("data directory", CheckStatus.ERROR, str(error))


doctor.add_command(signature)
