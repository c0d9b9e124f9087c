"""``frontdesk erase``: erase a person's data."""

import shlex
import sys
from typing import TYPE_CHECKING

import click

from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.errors import InvalidAddressError
from entrypoints.cli.addresses import CHANNELS, sender_address
from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    count,
    examples,
    json_option,
    plain,
    print_json,
    print_rich,
)
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from application.privacy.erase_person import ErasureReport

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
    short_help="Erase a person's data.",
    epilog=examples(
        "frontdesk erase --sender +14155550123",
        "frontdesk erase --sender ana@example.com --channel email --yes --json",
    ),
)
@click.option("--sender", required=True, help="The address that the person writes from.")
@click.option(
    "--channel",
    type=click.Choice(CHANNELS),
    help="Only on this channel. Otherwise on each where it can be an address.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(*, sender: str, channel: str | None, yes: bool, as_json: bool) -> None:
    """Erase the messages, conversations, files and all other data of a sender.

    It cannot be undone. Their messages stay known by their keys alone: one that is delivered
    again is a duplicate. Looks at every message, and may be stopped and repeated at any
    point. Tells what it could not reach. Exits with 1 if a part has to be repeated.
    """
    addresses = _addresses(sender, channel)
    if not yes:
        _ask(addresses)
    with open_container() as container, progress("messages", quiet=as_json) as advance:
        report = container.erase_person()(addresses, advance)
    if as_json:
        print_json(_record(addresses, report))
    else:
        _print_report(report, _left_out(addresses))
    if report.failed:
        raise click.ClickException(f"repeat it, for it is not complete: {'; '.join(report.failed)}")


def _addresses(text: str, channel: str | None) -> tuple[Address, ...]:
    if channel is not None:
        value = sender_address(ChannelType(channel), text, "--sender")
        return (Address.parse(ChannelType(channel), value),)
    found = tuple(address for one in ChannelType if (address := _address(one, text)))
    if not found:
        raise click.BadParameter(
            f"{text!r} is no address of any channel, like +14155550123 or ana@example.com",
            param_hint="'--sender'",
        )
    return found


def _address(channel: ChannelType, text: str) -> Address | None:
    try:
        address = Address.parse(channel, text)
    except InvalidAddressError:
        return None
    return address if address.kind is not AddressKind.OTHER else None


def _left_out(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    """The same address on the channels that are not asked for: somebody else's, for all we know."""
    chosen = {address.channel for address in addresses}
    others = (_address(one, addresses[0].value) for one in ChannelType if one not in chosen)
    return tuple(other for other in others if other)


def _stays(other: Address) -> str:
    return (
        f"The data of {other.value} on {other.channel} stays: "
        f"frontdesk erase --sender {shlex.quote(other.value)} --channel {other.channel}"
    )


def _ask(addresses: tuple[Address, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: add --yes")
    channels = ", ".join(address.channel for address in addresses)
    question = f"Erase all data of {addresses[0].value} ({channels}), for ever?"
    for other in _left_out(addresses):
        click.echo(plain(_stays(other)).plain, err=True)
    click.confirm(plain(question).plain, abort=True, err=True)


def _number(report: "ErasureReport", name: str) -> int:
    value: int | list[object] = getattr(report, name)
    return value if isinstance(value, int) else len(value)


def _record(addresses: tuple[Address, ...], report: "ErasureReport") -> dict[str, object]:
    return {
        "erased": [_address_record(address) for address in addresses],
        **{name: _number(report, name) for name, *_ in _COUNTS},
        "conversation_ids": [key.conversation_id for key in report.conversations],
        "other_identities": [_address_record(address) for address in report.other_identities],
        "provider_files": report.provider_files,
        "left_out": [_address_record(address) for address in _left_out(addresses)],
        "not_reached": report.not_reached,
        "failed": report.failed,
    }


def _address_record(address: Address) -> dict[str, str]:
    return {"channel": address.channel.value, "address": address.value}


def _print_report(report: "ErasureReport", left_out: tuple[Address, ...]) -> None:
    parts = [
        count(number, one, many) for name, one, many in _COUNTS if (number := _number(report, name))
    ]
    print_rich(plain(f"Erased: {', '.join(parts)}." if parts else "There was nothing.", "bold"))
    for key in report.conversations:
        print_rich(plain(f"  conversation {key.conversation_id} on {key.primary_channel}"))
    for address in report.other_identities:
        print_rich(
            plain(f"Also known on {address.channel} as {address.value}: erase that as well.")
        )
    for other in left_out:
        print_rich(plain(_stays(other)))
    for url in report.provider_files:
        print_rich(plain(f"Still at the provider: {url}"))
    for sentence in report.not_reached:
        print_rich(plain(f"Not reached: {sentence}."))
