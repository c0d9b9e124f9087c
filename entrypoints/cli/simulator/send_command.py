"""``frontdesk send``: play a provider."""

import os
from email.utils import parseaddr
from typing import TYPE_CHECKING

import click

from domain.channels import ChannelType
from entrypoints.cli.addresses import CHANNELS, recipient_address, sender_address
from entrypoints.cli.demo import DEMO_RECIPIENTS
from entrypoints.cli.simulator.send_options import SendCommand, provider_values, reading
from entrypoints.cli.terminal.commands import examples, json_option
from entrypoints.composition.channel_providers import PROVIDERS
from infrastructure.channels.provider import (
    SimulatedMessage,
    SimulationError,
    Webhooks,
    read_http_url,
)

if TYPE_CHECKING:
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
    from entrypoints.cli.simulator.responses import post_and_report, signed_url
    from infrastructure.configuration.settings import read_settings

    on = ChannelType(channel)
    options = provider_values(on, body, values)
    settings = read_settings(os.environ)
    target = url or f"{DEFAULT_ORIGIN}/webhooks/{channel}"
    name, address = parseaddr(sender) if on.rules.senders_have_names else ("", sender)
    message = SimulatedMessage(
        channel=on,
        url=signed_url(target, settings.public_base_url, settings.webhook_urls.get(on)),
        sender=sender_address(on, address or sender, "--from"),
        sender_name=name or None,
        recipient=recipient_address(on, recipient or DEMO_RECIPIENTS[on], "--to"),
        body=body,
        message_id=message_id,
        tamper=tamper,
        options=options,
    )
    make = _webhooks(message, settings)
    post_and_report(make, target, times, min(concurrency, times), as_json=as_json)


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
