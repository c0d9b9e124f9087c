"""The options of ``frontdesk send``: what each is for, and which channel has it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from domain.channels import ChannelType
from entrypoints.cli.addresses import is_service
from entrypoints.cli.simulator.send_values import (
    Place,
    read_button,
    read_charset,
    read_html,
    read_place,
    read_url,
    reading,
)

Decorator = Callable[[Callable[..., object]], Callable[..., object]]

WHATSAPP = (ChannelType.WHATSAPP,)
TWILIO = (ChannelType.WHATSAPP, ChannelType.SMS)
EMAIL = (ChannelType.EMAIL,)
_MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """What the options say about the message."""

    body: str | None
    message_id: str | None
    tamper: bool
    media: tuple[str, ...]
    messaging_service: str | None
    opt_out_type: str | None
    button: tuple[str, str] | None
    location: Place | None
    profile_name: str | None
    user_id: str | None
    reply_to_sid: str | None
    subject: str
    html: str | None
    attach: tuple[Path, ...]
    charset: str
    raw: bool
    spf: str
    dkim: str
    in_reply_to: str | None
    private_key: Path | None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send: an empty body must be meant."""
        others = (self.media, self.button, self.location, self.html, self.attach)
        return self.body is None and not any(others)


class ChannelOption(click.Option):
    """An option that some channels do not have: there it is a usage error."""

    def __init__(
        self, declarations: Sequence[str], *, channels: Sequence[ChannelType], **settings: object
    ) -> None:
        settings["help"] = f"({', '.join(channels)}) {settings['help']}"
        super().__init__(declarations, **settings)  # type: ignore[arg-type]
        self.channels = channels

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, object], args: list[str]
    ) -> tuple[object, list[str]]:
        """Refuse the option if it was given for a channel that does not have it."""
        channel = ctx.params.get("channel")
        if self.name in opts and channel and channel not in self.channels:
            where = " and ".join(self.channels)
            raise click.UsageError(f"{self.opts[0]} is for {where}, not for {channel}", ctx)
        return super().handle_parse_result(ctx, opts, args)


def check_message(channel: ChannelType, options: MessageOptions) -> None:
    """Refuse what the provider could not send; each is a usage error."""
    if options.is_empty:
        raise click.UsageError("missing option '--body': what the message says")
    if channel is ChannelType.EMAIL:
        _check_charset(options)
        return
    if options.message_id and not _MESSAGE_SID.fullmatch(options.message_id):
        raise click.BadParameter(
            "Twilio's ids are SM or MM and 32 hex digits", param_hint="'--message-id'"
        )
    if options.messaging_service and not is_service(channel, options.messaging_service):
        raise click.BadParameter(
            "a Messaging Service is MG and 32 hex digits", param_hint="'--messaging-service'"
        )


def _check_charset(options: MessageOptions) -> None:
    try:
        f"{options.body or ''}{options.html or ''}".encode(options.charset)
    except UnicodeEncodeError:
        raise click.BadParameter(
            f"{options.charset} has not every character of the text", param_hint="'--charset'"
        ) from None


def _only(channels: Sequence[ChannelType], *names: str, **settings: object) -> Decorator:
    return click.option(*names, cls=ChannelOption, channels=channels, **settings)


_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_SPF = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
_DKIM = ("pass", "fail", "none")

_OPTIONS: tuple[Decorator, ...] = (
    click.option("--body", help="The text."),
    click.option("--message-id", help="The provider's id; with --times: duplicates on purpose."),
    click.option("--tamper", is_flag=True, help="Make the signature wrong."),
    _only(
        TWILIO,
        "--media",
        metavar="URL",
        callback=reading(read_url),
        multiple=True,
        help="A file at Twilio (repeatable).",
    ),
    _only(TWILIO, "--messaging-service", help="Id of the Messaging Service that received it."),
    _only(
        TWILIO,
        "--opt-out-type",
        type=click.Choice(["STOP", "START", "HELP"]),
        help="What Twilio recognised.",
    ),
    _only(
        WHATSAPP,
        "--button",
        metavar="TEXT[=PAYLOAD]",
        callback=reading(read_button),
        help="The quick reply that was tapped.",
    ),
    _only(
        WHATSAPP,
        "--location",
        metavar="LAT,LON[,LABEL]",
        callback=reading(read_place),
        help="A place that is shared.",
    ),
    _only(WHATSAPP, "--profile-name", help="What the sender calls themselves."),
    _only(WHATSAPP, "--user-id", help="The sender's WhatsApp user id, beside the number."),
    _only(WHATSAPP, "--reply-to-sid", help="The message that is answered."),
    _only(EMAIL, "--subject", default="A question", show_default=True, help="The subject."),
    _only(
        EMAIL,
        "--html",
        metavar="FILE|HTML",
        callback=reading(read_html),
        help="The HTML part: a file, or the HTML itself.",
    ),
    _only(EMAIL, "--attach", type=_FILE, multiple=True, help="A file to attach (repeatable)."),
    _only(
        EMAIL,
        "--charset",
        metavar="NAME",
        callback=reading(read_charset),
        default="utf-8",
        help="How text is encoded.",
    ),
    _only(EMAIL, "--raw", is_flag=True, help="Post the whole MIME message, as raw mode does."),
    _only(EMAIL, "--spf", type=click.Choice(_SPF), default="pass", help="SPF's verdict."),
    _only(EMAIL, "--dkim", type=click.Choice(_DKIM), default="pass", help="DKIM's verdict."),
    _only(EMAIL, "--in-reply-to", help="The Message-ID that is answered."),
    _only(
        EMAIL,
        "--private-key",
        type=_FILE,
        envvar="SENDGRID_PRIVATE_KEY_FILE",
        help="PEM file with the key that signs.",
    ),
)


def message_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of ``MessageOptions`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
