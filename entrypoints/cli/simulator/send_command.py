"""``frontdesk send``: play a provider."""

import ipaddress
import os
import time
from collections.abc import Iterable
from contextlib import closing
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from domain.channels import ChannelType
from entrypoints.cli.addresses import CHANNELS, recipient_address, sender_address
from entrypoints.cli.demo import DEMO_RECIPIENTS
from entrypoints.cli.simulator.send_options import (
    SendCommand,
    provider_values,
    reading,
)
from entrypoints.cli.terminal.output import examples, json_option
from entrypoints.cli.terminal.progress import progress
from entrypoints.composition.channel_providers import PROVIDERS
from infrastructure.channels.provider import (
    SimulatedMessage,
    SimulationError,
    Webhooks,
    read_http_url,
)

if TYPE_CHECKING:
    from entrypoints.cli.simulator.send_posting import Answer
    from infrastructure.configuration.settings import Settings

DEFAULT_ORIGIN = "http://127.0.0.1:8000"

_LOOK_FOR_IT = "look for it: frontdesk queues list, frontdesk unmatched list"


@click.command(
    cls=SendCommand,
    short_help="Play a provider: post a signed webhook.",
    epilog=examples(
        'frontdesk send whatsapp --from +14155550123 --body "Is my order on its way?"',
        'frontdesk send sms --from +14155550123 --body "Hello" --times 1000 --concurrency 16',
        'frontdesk send email --from "Ana <ana@example.com>" --subject Order --body "Where is it?"',
    ),
)
@click.argument("channel", metavar="CHANNEL", type=click.Choice(CHANNELS), is_eager=True)
@click.option("--from", "sender", required=True, help="Who writes.")
@click.option("--to", "recipient", help="Whom they write to; default: the demo recipient.")
@click.option("--body", help="The text.")
@click.option("--message-id", help="The provider's id; with --times: duplicates on purpose.")
@click.option("--tamper", is_flag=True, help="Make the signature wrong.")
@click.option(
    "--url",
    metavar="URL",
    callback=reading(read_http_url),
    help=f"Default: {DEFAULT_ORIGIN}/webhooks/CHANNEL.",
)
@click.option(
    "--times", type=click.IntRange(1), default=1, show_default=True, help="Send it so often."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="So many at once, with --times.",
)
@json_option
def send(
    *,
    channel: str,
    sender: str,
    recipient: str | None,
    body: str | None,
    message_id: str | None,
    tamper: bool,
    url: str | None,
    times: int,
    concurrency: int,
    as_json: bool,
    **values: object,
) -> None:
    """Post a webhook to CHANNEL (whatsapp, sms, email), signed as its provider would.

    The secrets are those of the environment; without any, the development secret that
    'frontdesk serve' keeps in DATA_DIR. Fails unless every answer is a 2xx.
    """
    from infrastructure.configuration.settings import read_settings

    on = ChannelType(channel)
    options = provider_values(on, body, values)
    settings = read_settings(os.environ)
    target = url or f"{DEFAULT_ORIGIN}/webhooks/{channel}"
    name, address = parseaddr(sender) if on.rules.senders_have_names else ("", sender)
    message = SimulatedMessage(
        channel=on,
        url=signed_url(target, settings.public_base_url),
        sender=sender_address(on, address or sender, "--from"),
        sender_name=name or None,
        recipient=recipient_address(on, recipient or DEMO_RECIPIENTS[on], "--to"),
        body=body,
        message_id=message_id,
        tamper=tamper,
        options=options,
    )
    make = _webhooks(message, settings)
    _send(make, target, times, min(concurrency, times), as_json=as_json)


def signed_url(url: str, public_base_url: str | None) -> str:
    """The URL that the provider signs: the public one, also when the server is reached here."""
    parts = urlsplit(url)
    if public_base_url is None or not is_this_machine(parts.hostname or ""):
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{public_base_url}{parts.path}{query}"


def is_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _webhooks(message: SimulatedMessage, settings: "Settings") -> Webhooks:
    from entrypoints.composition.backends import secret_reader

    try:
        return (
            PROVIDERS[message.channel]().simulation().webhooks(message, settings, secret_reader())
        )
    except SimulationError as error:
        if error.option is None:
            raise
        raise click.BadParameter(str(error), param_hint=f"'{error.option}'") from error


def _send(make: Webhooks, url: str, times: int, concurrency: int, *, as_json: bool) -> None:
    from entrypoints.cli.simulator import send_report
    from entrypoints.cli.simulator.send_posting import Poster, post_all

    started = time.perf_counter()
    with closing(post_all(make, Poster(url, concurrency), times, concurrency)) as coming:
        answers = _collect(coming, url, times, as_json=as_json)
    seconds = time.perf_counter() - started
    if not as_json and times == 1:
        send_report.print_response(answers[0], _LOOK_FOR_IT)
    elif not as_json:
        send_report.print_summary(answers, seconds, concurrency)
    send_report.check_accepted(answers)


def _collect(coming: "Iterable[Answer]", url: str, times: int, *, as_json: bool) -> "list[Answer]":
    """Every answer, in the order in which they came; it ends at once if no server listens."""
    from entrypoints.cli.simulator.send_report import print_response_json

    answers: list[Answer] = []
    with progress("sending", times, quiet=as_json) as advance:
        for answer in coming:
            if answer.is_refused_connection and not answers:
                raise click.ClickException(_no_server(url))
            if as_json:
                print_response_json(answer)
            answers.append(answer)
            advance(len(answers))
    return answers


def _no_server(url: str) -> str:
    from entrypoints.cli.simulator.send_posting import origin

    here = is_this_machine(urlsplit(url).hostname or "")
    hint = ": start it with 'frontdesk serve'" if here else ": check the --url"
    return f"nothing answers at {origin(url)}{hint}"
