"""The options of ``frontdesk send`` that providers declare, as options of click."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import click

from domain.channels import ChannelType
from entrypoints.cli.terminal.commands import Command
from entrypoints.composition.channel_providers import PROVIDERS
from infrastructure.channels.provider import SendOption

Callback = Callable[[click.Context, click.Parameter, Any], object]


class ProviderOption(click.Option):
    """A provider's option. On a channel that does not have it, it is a usage error."""

    def __init__(self, option: SendOption) -> None:
        settings: dict[str, Any] = {}
        if option.is_flag:
            settings["is_flag"] = True
        elif option.choices:
            settings["type"] = click.Choice(option.choices)
        else:
            settings |= {"metavar": option.metavar, "callback": reading(option.read)}
        super().__init__(
            [option.name],
            help=f"({', '.join(option.channels)}) {option.help}",
            default=option.default,
            multiple=option.is_repeatable,
            envvar=option.variable,
            **settings,
        )
        self.option = option

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, object], args: list[str]
    ) -> tuple[object, list[str]]:
        """Refuse the option if it was given for a channel that does not have it."""
        channel = ctx.params.get("channel")
        if self.name in opts and channel and channel not in self.option.channels:
            where = " and ".join(self.option.channels)
            raise click.UsageError(f"{self.opts[0]} is for {where}, not for {channel}", ctx)
        return super().handle_parse_result(ctx, opts, args)


class SendCommand(Command):
    """A command that also has the options of every provider, which are imported for it alone."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the providers'."""
        own = super().get_params(ctx)
        return [*own[:-1], *self._provider_options, own[-1]]

    @cached_property
    def _provider_options(self) -> list[ProviderOption]:
        providers = dict.fromkeys(load() for load in PROVIDERS.values())
        return [
            ProviderOption(each) for provider in providers for each in provider.simulation().options
        ]


def provider_values(
    channel: ChannelType, body: str | None, values: Mapping[str, object]
) -> dict[str, object]:
    """What ``values`` hold for the options of the channel's provider.

    A message with nothing to send is a usage error: an empty body must be meant.
    """
    options = PROVIDERS[channel]().simulation().options
    if body is None and not any(values[each.key] for each in options if each.is_content):
        raise click.UsageError("missing option '--body': what the message says")
    return {option.key: values[option.key] for option in options}


def reading(read: Callable[[str], object]) -> Callback:
    """A callback that applies ``read`` to each value; its ``ValueError`` is a usage error."""

    def read_one(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    def callback(_ctx: click.Context, _param: click.Parameter, value: Any) -> object:  # noqa: ANN401 - click's
        if isinstance(value, tuple):
            return tuple(map(read_one, value))
        return None if value is None else read_one(value)

    return callback
