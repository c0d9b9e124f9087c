"""``frontdesk doctor signature``: why is the signature of this request refused?"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import click

from application.ports.signature_doctor import Diagnosis, DiagnosisStatus
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.output import attributes, count, plain, print_json, print_rich
from infrastructure.channels.provider import read_http_url

if TYPE_CHECKING:
    from infrastructure.configuration.secrets.secret import Secret

_STYLES = {
    DiagnosisStatus.ACCEPTED: "green",
    DiagnosisStatus.EXPLAINED: "bold yellow",
    DiagnosisStatus.UNEXPLAINED: "bold red",
}
_ASK, _VARIABLE = "ask", "env:"


def _read_url(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else read_http_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_secrets(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> "tuple[Secret, ...]":
    return tuple(secret for value in values for secret in _secrets(value))


def _secrets(source: str) -> "list[Secret]":
    """The secrets in ``source``, which may be a list."""
    from infrastructure.configuration.secrets.secret import Secret
    from infrastructure.configuration.secrets.secret_references import is_reference

    if source == _ASK:
        text = click.prompt("Token, key or user:password", hide_input=True, err=True)
    elif source.startswith(_VARIABLE):
        text = os.environ.get(source.removeprefix(_VARIABLE), "")
    elif is_reference(source):
        from entrypoints.composition.backends import secret_reader

        try:
            text = secret_reader()(source)
        except ValueError as error:
            raise click.BadParameter(f"{source}: {error}") from None
    else:
        # It is not shown: it may be the secret itself.
        raise click.BadParameter("give where it is: ask, env:NAME, file:PATH, secretsmanager:NAME")
    if not text.strip():
        raise click.BadParameter(f"{source} is empty")
    return [Secret(part) for part in text.strip("\r\n").split(",") if part.strip()]


@click.command(
    cls=Command,
    short_help="Why is the signature of a request refused?",
    epilog=examples(
        "frontdesk doctor signature capture.har",
        "pbpaste | frontdesk doctor signature -",
        "frontdesk doctor signature request.txt --secret file:old-token",
        "frontdesk doctor signature request.txt --url https://hooks.example.com/webhooks/sms",
    ),
)
@click.argument("capture", type=click.File("rb"), metavar="FILE|-")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="SOURCE",
    callback=_read_secrets,
    help="Where a token or key to try is: ask, env:NAME, file:PATH, secretsmanager:NAME.",
)
@click.option(
    "--url", metavar="URL", callback=_read_url, help="The URL as the provider's console shows it."
)
@click.option(
    "--body",
    "body_file",
    type=click.File("rb"),
    metavar="FILE",
    help="The file that a curl command names for its body.",
)
@json_option
def signature(
    *,
    capture: BinaryIO,
    secrets: "tuple[Secret, ...]",
    url: str | None,
    body_file: BinaryIO | None,
    as_json: bool,
) -> None:
    """Say why the signature of a captured request is refused, and what to change.

    FILE is a HAR file, a curl command, raw HTTP or the event of a Lambda function; '-' reads
    standard input. It is tried in thousands of variations with the secrets of the settings, and
    with those that you name. Nothing is sent or stored, and no secret or signature is shown.
    Exits with 1 if a request would be refused.
    """
    from entrypoints.captures.reading import MAX_CAPTURE_BYTES, read_captures
    from entrypoints.checked_urls import checked_urls
    from entrypoints.composition.signature_doctors import build_diagnose_signature
    from infrastructure.configuration.settings import read_settings

    body = body_file.read(MAX_CAPTURE_BYTES + 1) if body_file else None
    captures = read_captures(capture.read(MAX_CAPTURE_BYTES + 1), body)
    diagnose = build_diagnose_signature(read_settings(os.environ), checked_urls, secrets, url)
    refused = 0
    for diagnosis in diagnose(captures):
        refused += diagnosis.status is not DiagnosisStatus.ACCEPTED
        _print(diagnosis, as_json=as_json)
    if refused:
        sys.stdout.flush()
        raise click.ClickException(f"{count(refused, 'request')} would be refused")


def _print(diagnosis: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        record = attributes(diagnosis, *("title", "provider", "status", "causes", "explanation"))
        setting = dict([diagnosis.setting]) if diagnosis.setting else None
        print_json({**record, "remedies": diagnosis.remedies, "setting": setting,
                    "tried": diagnosis.tried})  # fmt: skip
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(plain(diagnosis.status, _STYLES[diagnosis.status]), plain(diagnosis.explanation))
    for number, remedy in enumerate(diagnosis.remedies):
        head = "to do" if number == 0 else diagnosis.between_remedies
        table.add_row(plain(head), plain(remedy))
    if diagnosis.search:
        table.add_row(plain("tried", "dim"), plain(diagnosis.search, "dim"))
    print_rich(plain(diagnosis.title, "bold"), table)
