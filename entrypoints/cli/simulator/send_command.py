"""``frontdesk send``: play a provider."""

import ipaddress
import os
import time
from contextlib import closing
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from domain.channels import ChannelType
from entrypoints.cli.addresses import CHANNELS, recipient_address, sender_address
from entrypoints.cli.demo import DEMO_RECIPIENTS
from entrypoints.cli.simulator.send_options import SendCommand, provider_values, reading
from entrypoints.cli.terminal.commands import examples, json_option
from entrypoints.cli.terminal.progress import progress
from entrypoints.composition.channel_providers import PROVIDERS
from infrastructure.channels.provider import (
    SimulatedMessage,
    SimulationError,
    Webhooks,
    read_http_url,
)

if TYPE_CHECKING:
    from entrypoints.cli.simulator.send_posting import Response
    from infrastructure.configuration.settings import Settings

DEFAULT_ORIGIN = "http://127.0.0.1:8000"


@click.command(
    cls=SendCommand,
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
@click.option("--times", type=click.IntRange(1), default=1, help="Send it so often.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, help="So many at once.")
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
    """Play a provider: post a signed webhook.

    CHANNEL is whatsapp, sms or email. The secrets are those of the environment; without any,
    the development secret that 'frontdesk serve' keeps in DATA_DIR. Fails unless every response
    is a 2xx.
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
    try:
        return PROVIDERS[message.channel]().simulation().webhooks(message, settings)
    except SimulationError as error:
        if error.option is None:
            raise
        raise click.BadParameter(str(error), param_hint=f"'{error.option}'") from error


def _send(make: Webhooks, url: str, times: int, concurrency: int, *, as_json: bool) -> None:
    from entrypoints.cli.simulator import send_report
    from entrypoints.cli.simulator.send_posting import NOBODY_LISTENS, post_all, poster

    started = time.perf_counter()
    coming = post_all(make, poster(url, concurrency), times, concurrency)
    responses: list[Response] = []
    with closing(coming), progress("sending", times) as advance:
        for response in coming:
            if response.problem == NOBODY_LISTENS and not responses:
                raise click.ClickException(_no_server(url))
            if as_json:
                send_report.print_response_json(response)
            responses.append(response)
            advance(len(responses))
    if not as_json and times == 1:
        send_report.print_response(responses[0])
    elif not as_json:
        send_report.print_summary(responses, time.perf_counter() - started, concurrency)
    send_report.check_accepted(responses)


def _no_server(url: str) -> str:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    here = is_this_machine(parts.hostname or "")
    hint = "start it with 'frontdesk serve'" if here else "check the --url"
    return f"nothing answers at {origin}: {hint}"
