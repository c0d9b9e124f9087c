"""``frontdesk send``: play a provider."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from domain.channels import ChannelType
from entrypoints.cli.addresses import CHANNELS, recipient_address, sender_address
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.simulation.demo import DEMO_RECIPIENTS
from entrypoints.simulation.messages import named_sender
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    SimulationError,
    read_http_url,
)

DEFAULT_ORIGIN = "http://127.0.0.1:8000"


def _reading(read: Callable[[str], object]) -> Callable[..., object]:
    """A callback of click that applies ``read``; its ``ValueError`` is a usage error."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: Any) -> object:  # noqa: ANN401 - click's
        try:
            if isinstance(value, tuple):
                return tuple(map(read, value))
            return None if value is None else read(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def _reading_file(read: Callable[[str, bytes], object]) -> Callable[[str], object]:
    """Reads the file at a path, and lets ``read`` make the value."""

    def read_path(text: str) -> object:
        path = Path(text)
        try:
            return read(path.name, path.read_bytes())
        except OSError as error:
            raise ValueError(f"{text} is no readable file ({error.strerror})") from None

    return read_path


class SendCommand(Command):
    """A command that also has the options of every provider, which are imported for it alone."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the providers'."""
        own = super().get_params(ctx)
        return [*own[:-1], *self._provider_options, own[-1]]

    @cached_property
    def _provider_options(self) -> list[click.Option]:
        return [_click_option(option) for option in _all_options()]


def _all_options() -> list[SendOption]:
    providers = dict.fromkeys(load() for load in PROVIDERS.values())
    return [option for provider in providers for option in provider.simulation().options]


def _click_option(option: SendOption) -> click.Option:
    read = _reading_file(option.read_file) if option.read_file else option.read
    return click.Option(
        [option.name],
        help=f"({', '.join(option.channels)}) {option.help}",
        metavar=None if option.is_flag or option.choices else option.metavar,
        is_flag=option.is_flag,
        type=click.Choice(option.choices) if option.choices else None,
        callback=None if option.is_flag else _reading(read),
        default=option.default,
        multiple=option.is_repeatable,
        envvar=option.variable,
    )


def _whole_url(url: str, channel: ChannelType) -> str:
    """``url``, and the path of the channel's webhooks if it has none of its own."""
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=f"/webhooks/{channel}").geturl()


def _values(channel: ChannelType, body: str | None, given: dict[str, object]) -> dict[str, object]:
    """What is ``given`` for the options of the channel's provider; others are a usage error.

    So is a message with nothing to send: an empty body must be meant.
    """
    context = click.get_current_context()
    for option in _all_options():
        is_given = context.get_parameter_source(option.key) is ParameterSource.COMMANDLINE
        if is_given and channel not in option.channels:
            where = " and ".join(option.channels)
            raise click.UsageError(f"{option.name} is for {where}, not for {channel}")
    options = PROVIDERS[channel]().simulation().options
    if body is None and not any(given[option.key] for option in options if option.is_content):
        raise click.UsageError("missing option '--body': what the message says")
    return {option.key: given[option.key] for option in options}


@click.command(
    cls=SendCommand,
    epilog=examples(
        'frontdesk send whatsapp --from +14155550123 --body "Is my order on its way?"',
        'frontdesk send sms --from +14155550123 --body "Hello" --times 1000 --concurrency 16',
        'frontdesk send email --from "Ana <ana@example.com>" --subject Order --body "Where is it?"',
    ),
)
@click.argument("channel", metavar="CHANNEL", type=click.Choice(CHANNELS))
@click.option("--from", "sender", required=True, help="Who writes.")
@click.option("--to", "recipient", help="Whom they write to; default: the demo recipient.")
@click.option("--body", help="The text.")
@click.option("--message-id", help="The provider's id; with --times: duplicates on purpose.")
@click.option("--tamper", is_flag=True, help="Make the signature wrong.")
@click.option(
    "--url",
    metavar="URL",
    callback=_reading(read_http_url),
    default=DEFAULT_ORIGIN,
    help="Where to post: a server, whose path /webhooks/CHANNEL is added, or the whole URL.",
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
    url: str,
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
    from entrypoints.cli.send_responses import post_and_report, signed_url
    from entrypoints.composition.backends import secret_reader
    from infrastructure.configuration.settings import read_settings

    on = ChannelType(channel)
    options = _values(on, body, values)
    settings = read_settings(os.environ)
    target = _whole_url(url, on)
    name, address = named_sender(on, sender)
    message = SimulatedMessage(
        channel=on,
        url=signed_url(target, settings, on),
        sender=sender_address(on, address, "--from"),
        sender_name=name,
        recipient=recipient_address(on, recipient or DEMO_RECIPIENTS[on], "--to"),
        body=body,
        message_id=message_id,
        tamper=tamper,
        options=options,
    )
    try:
        make = PROVIDERS[on]().simulation().webhooks(message, settings, secret_reader())
    except SimulationError as error:
        if error.option is None:
            raise
        raise click.BadParameter(str(error), param_hint=f"'{error.option}'") from error
    at_once = min(concurrency, times)
    post_and_report(make, target, times, at_once, is_tampered=tamper, as_json=as_json)
