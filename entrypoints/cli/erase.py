"""``frontdesk erase``: erase a person's data."""

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

import click

from application.privacy.erase_person import ErasureReport
from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from entrypoints.addresses import is_interpreted
from entrypoints.cli.addresses import CHANNELS, stored_address
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import attributes, count, print_json, printable, progress, say

_COUNTS = (
    ("messages", "message", "messages"),
    ("imported_entries", "imported entry", "imported entries"),
    ("conversations", "conversation", "conversations"),
    ("files", "stored file", "stored files"),
    ("contexts", "context on a queue", "contexts on queues"),
    ("spooled", "spooled webhook", "spooled webhooks"),
    ("dead_letters", "dead letter", "dead letters"),
    ("stale_temporary_files", "stale temporary file", "stale temporary files"),
)


@click.command(
    cls=Command,
    short_help="Erase what is stored of a sender, for ever.",
    epilog=examples(
        "frontdesk erase --sender +14155550123",
        "frontdesk erase --sender ana@example.com --channel email --yes --json",
    ),
)
@click.option("--sender", required=True, help="The address that the person writes from.")
@click.option(
    "--channel",
    type=click.Choice(CHANNELS),
    help="Only on this channel, in any form. Otherwise on each where it can be an address.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(*, sender: str, channel: str | None, yes: bool, as_json: bool) -> None:
    """Erase the messages, conversations, files and all other data of a sender, for ever.

    Their messages stay known by their keys alone: one that is delivered again is a duplicate.
    Looks at every message, and may be stopped and repeated at any point. Says what it could not
    reach. Exits with 1 if a part has to be repeated.
    """
    addresses = _addresses(sender, channel)
    left_out = _left_out(addresses)
    if not yes:
        _ask(addresses, left_out)
    with open_container() as container, progress("messages") as advance:
        report = container.operations().erase_person()(addresses, advance)
    numbers = {name: _number(report, name) for name, *_ in _COUNTS}
    if as_json:
        print_json(
            {
                "erased": _records(addresses),
                **numbers,
                "conversation_ids": [key.conversation_id for key in report.conversations],
                "other_identities": _records(report.other_identities),
                "left_out": _records(left_out),
                **attributes(report, "provider_files", "not_reached", "failed"),
            }
        )
    else:
        parts = [count(numbers[name], *nouns) for name, *nouns in _COUNTS if numbers[name]]
        say(f"Erased: {', '.join(parts)}." if parts else "There was nothing.", "bold")
        for line in _lines(report, left_out):
            say(line)
    if report.failed:
        raise click.ClickException(f"repeat it, for it is not complete: {'; '.join(report.failed)}")


def _addresses(text: str, channel: str | None) -> tuple[Address, ...]:
    if channel is not None:
        return (stored_address(ChannelType(channel), text, "--sender"),)
    if found := tuple(_possible_addresses(text)):
        return found
    raise click.BadParameter(
        f"{text!r} is no address of any channel, like +14155550123 or ana@example.com",
        param_hint="'--sender'",
    )


def _possible_addresses(text: str) -> Iterator[Address]:
    """The address on each channel where ``text`` can be one."""
    for channel in ChannelType:
        with suppress(InvalidAddressError):
            address = Address.parse(channel, text)
            if is_interpreted(address):
                yield address


def _left_out(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    """The same address on the channels that are not asked for: perhaps another person's."""
    chosen = {address.channel for address in addresses}
    possible = _possible_addresses(addresses[0].value)
    return tuple(address for address in possible if address.channel not in chosen)


def _ask(addresses: tuple[Address, ...], left_out: tuple[Address, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: add --yes")
    for other in left_out:
        click.echo(printable(_stays(other)), err=True)
    channels = ", ".join(address.channel for address in addresses)
    question = f"Erase all data of {addresses[0].value} ({channels}), for ever?"
    click.confirm(printable(question), abort=True, err=True)


def _stays(other: Address) -> str:
    return (
        f"The data of {other.value} on {other.channel} stays: "
        f"frontdesk erase --sender {shlex.quote(other.value)} --channel {other.channel}"
    )


def _number(report: ErasureReport, name: str) -> int:
    value: int | list[object] = getattr(report, name)
    return value if isinstance(value, int) else len(value)


def _records(addresses: Iterable[Address]) -> list[dict[str, str]]:
    return [{"channel": address.channel, "address": address.value} for address in addresses]


def _lines(report: ErasureReport, left_out: tuple[Address, ...]) -> Iterator[str]:
    """What else there is to say about an erasure, for a person."""
    for key in report.conversations:
        yield f"  conversation {key.conversation_id} on {key.primary_channel}"
    for address in report.other_identities:
        yield f"Also known on {address.channel} as {address.value}: erase that as well."
    yield from map(_stays, left_out)
    yield from (f"Still at the provider: {url}" for url in report.provider_files)
    yield from (f"Not reached: {sentence}." for sentence in report.not_reached)
