"""``frontdesk send``: play a provider."""

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
from entrypoints.cli.simulator.send_options import MessageOptions, check_message, message_options
from entrypoints.cli.simulator.send_values import read_url, reading
from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.output import examples, json_option
from entrypoints.cli.terminal.progress import progress

if TYPE_CHECKING:
    from entrypoints.cli.simulator.send_posting import Answer
    from entrypoints.cli.simulator.send_signing import Envelope

DEFAULT_ORIGIN = "http://127.0.0.1:8000"

_LOOK_FOR_IT = "look for it: frontdesk queues list, frontdesk unmatched list"


@click.command(
    cls=Command,
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
@message_options
@click.option(
    "--url",
    metavar="URL",
    callback=reading(read_url),
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
    url: str | None,
    times: int,
    concurrency: int,
    as_json: bool,
    **message: object,
) -> None:
    """Post a webhook to CHANNEL (whatsapp, sms, email), signed as its provider would.

    The secrets are those of the environment; without any, the development secret that
    'frontdesk serve' keeps in DATA_DIR. Fails unless every answer is a 2xx.
    """
    on = ChannelType(channel)
    options = MessageOptions(**message)  # type: ignore[arg-type]
    check_message(on, options)
    target = url or f"{DEFAULT_ORIGIN}/webhooks/{channel}"
    envelope = _envelope(on, target, sender, recipient)
    _send(envelope, options, times, min(concurrency, times), as_json=as_json)


def _envelope(channel: ChannelType, url: str, sender: str, recipient: str | None) -> "Envelope":
    from entrypoints.cli.simulator.send_signing import Envelope

    name, address = parseaddr(sender) if channel is ChannelType.EMAIL else ("", sender)
    return Envelope(
        channel=channel,
        url=url,
        sender=sender_address(channel, address or sender, "--from"),
        sender_name=name or None,
        recipient=recipient_address(channel, recipient or DEMO_RECIPIENTS[channel], "--to"),
    )


def _send(
    envelope: "Envelope", options: MessageOptions, times: int, concurrency: int, *, as_json: bool
) -> None:
    from entrypoints.cli.simulator import send_report
    from entrypoints.cli.simulator.send_posting import Poster, post_all
    from entrypoints.cli.simulator.send_signing import webhook_maker
    from infrastructure.configuration.settings import read_settings

    make = webhook_maker(envelope, options, read_settings(os.environ))
    started = time.perf_counter()
    with closing(post_all(make, Poster(envelope.url, concurrency), times, concurrency)) as coming:
        answers = _collect(coming, envelope.url, times, as_json=as_json)
    seconds = time.perf_counter() - started
    if as_json:
        pass
    elif times == 1:
        send_report.print_response(answers[0], _LOOK_FOR_IT)
    else:
        send_report.print_summary(answers, seconds, concurrency)
    send_report.check_accepted(answers)


def _collect(coming: "Iterable[Answer]", url: str, times: int, *, as_json: bool) -> "list[Answer]":
    """Every answer, in the order in which they came; at once the end if nobody is there."""
    from entrypoints.cli.simulator.send_report import print_response_json

    answers: list[Answer] = []
    with progress("sending", times, quiet=as_json) as advance:
        for answer in coming:
            if answer.nobody_listens and not answers:
                raise click.ClickException(_nobody_listens(url))
            if as_json:
                print_response_json(answer)
            answers.append(answer)
            advance(len(answers))
    return answers


def _nobody_listens(url: str) -> str:
    from entrypoints.cli.simulator.send_posting import origin
    from entrypoints.cli.simulator.send_signing import is_this_machine

    here = is_this_machine(urlsplit(url).hostname or "")
    hint = ": start it with 'frontdesk serve'" if here else ": check the --url"
    return f"nothing answers at {origin(url)}{hint}"
