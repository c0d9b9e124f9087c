"""``frontdesk console``: sign in to the server with a browser."""

import click

from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import print_json, say


@click.command(
    cls=Command,
    epilog=examples("frontdesk console", "frontdesk console --url http://127.0.0.1:8080"),
)
@click.option(
    "--url", default="http://127.0.0.1:8000", help="Where the browser reaches the server."
)
@json_option
def console(*, url: str, as_json: bool) -> None:
    """Sign in to the server with a browser.

    It prints an address of the server of this data directory, for once within 10 minutes. Where
    API_TOKENS is set, or a backend is on AWS, the address is that of a form for a token.
    """
    from entrypoints.http.console.start import sign_in_address

    with open_container() as container:
        address = sign_in_address(container, url.rstrip("/"))
    if as_json:
        print_json({"url": address or f"{url.rstrip('/')}/sign-in", "needs_token": not address})
        return
    if address is None:
        say("Paste an access token of API_TOKENS there:", "bold")
    else:
        say("For one browser, within 10 minutes:", "bold")
    click.echo(address or f"{url.rstrip('/')}/sign-in")
