"""``frontdesk tokens``: access tokens of the API."""

import click

from entrypoints.cli.terminal.commands import Command, Group, examples, json_option
from entrypoints.cli.terminal.output import print_json, say
from infrastructure.configuration.secrets.access_tokens import (
    AccessToken,
    Scope,
    hash_of,
    is_token_name,
    new_token,
    token_line,
)


@click.group(cls=Group)
def tokens() -> None:
    """Make access tokens of the API."""


@tokens.command(
    cls=Command,
    epilog=examples(
        "frontdesk tokens create crm --scope read --scope write",
        "frontdesk tokens create acme-inbox --scope read --company acme",
    ),
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it may do; may be given twice.",
)
@click.option(
    "--company",
    "companies",
    multiple=True,
    help="The id of a company that it may see, of several; without one, all.",
)
@json_option
def create(
    *, name: str, scopes: tuple[str, ...], companies: tuple[str, ...], as_json: bool
) -> None:
    """Make a token, and print it once.

    It is stored nowhere. The line that is printed beside it has a hash of it: add it to what
    API_TOKENS names. NAME stands in the log beside each change.
    """
    if not is_token_name(name):
        raise click.UsageError("NAME has letters, digits, '.', '_' and '-' alone, 64 at most")
    if not all(companies):
        raise click.UsageError("--company needs the id of a company")
    text = new_token()
    allowed = frozenset(companies) if companies else None
    line = token_line(AccessToken(name, frozenset(map(Scope, scopes)), hash_of(text), allowed))
    if as_json:
        print_json({"token": text, "line": line})
        return
    say("The token, which is not shown again:", "bold")
    click.echo(text)
    say("The line for API_TOKENS, or for the file or secret that it names:", "bold")
    click.echo(line)
