"""The fields of the simulator's form, made of what a channel's provider can send."""

from dataclasses import dataclass, replace
from enum import StrEnum

from domain.channels import ChannelType
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.simulation.demo import DEMO_RECIPIENTS, DEMO_SENDERS, DEMO_TEXT
from infrastructure.channels.provider import SendOption

MOST_TIMES = 100
MEBIBYTE = 1024 * 1024
FILES_BYTES = 6 * MEBIBYTE
"""How large all files of one message may be."""

UNKNOWN_SENDER = "unknown-sender"
"""The example of a sender without a conversation."""


class FieldKind(StrEnum):
    """How a form asks for a value."""

    LINE = "line"
    LINES = "lines"
    CHOICE = "choice"
    FLAG = "flag"
    FILES = "files"
    NUMBER = "number"


class HowOften(StrEnum):
    """How often a message is posted."""

    SINGLE = "single"
    REPEATED = "repeated"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class FormField:
    """A field with what stands in it, and what is wrong with that. A flag has any ``value``."""

    name: str
    title: str
    kind: FieldKind
    help: str = ""
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    placeholder: str = ""
    problem: str = ""


def is_shown(option: SendOption, channel: ChannelType) -> bool:
    """Whether the form of ``channel`` has a field for it. The development secret signs."""
    return channel in option.channels and not option.signs


def options_of(channel: ChannelType) -> list[SendOption]:
    """What a message on ``channel`` may have beside its text."""
    options = PROVIDERS[channel]().simulation().options
    return [option for option in options if is_shown(option, channel)]


def field_name(option: SendOption) -> str:
    """The name of its field: none of the form's own begins like it."""
    return f"option.{option.key}"


def field_of(option: str | None) -> str:
    """The name of the field for an option of ``frontdesk send``; empty if it is about no option."""
    key = (option or "").removeprefix("--").replace("-", "_")
    return key if key in ("", "message_id") else f"option.{key}"


def title_of(option: SendOption) -> str:
    """What stands at its field."""
    return option.title or option.name.strip("-").replace("-", " ").capitalize()


def examples_of(channel: ChannelType) -> dict[str, str]:
    """The names of messages that can be tried at once, and their titles."""
    options = options_of(channel)
    contents = {one.key: title_of(one) for one in options if one.is_content and one.example}
    return {"": "Text", **contents, UNKNOWN_SENDER: "Unknown sender"}


def example_values(channel: ChannelType, example: str) -> dict[str, str]:
    """What stands in the form at first. An ``example`` that there is none of counts for nothing."""
    options = options_of(channel)
    values = {field_name(option): option.default or "" for option in options}
    values |= {
        "sender": DEMO_SENDERS[channel],
        "recipient": DEMO_RECIPIENTS[channel],
        "body": DEMO_TEXT,
        "how_often": HowOften.SINGLE,
        "count": f"{MOST_TIMES}",
    }
    if example == UNKNOWN_SENDER:
        values["sender"] = channel.rules.example_unknown_sender
    for option in options:
        if option.is_content and option.example and option.key == example:
            values |= {field_name(option): option.example, "body": ""}
    return values


@dataclass(frozen=True, slots=True)
class Form:
    """The form of ``channel`` with its ``values``, and ``problems`` by the names of fields."""

    channel: ChannelType
    values: dict[str, str]
    problems: dict[str, str]

    @property
    def message(self) -> list[FormField]:
        """Who writes what to whom."""
        rules = self.channel.rules
        is_named = "A name may stand before it. " if rules.senders_have_names else ""
        return self._filled(
            FormField("sender", "From", FieldKind.LINE, f"{is_named}{_form(rules.sender_forms)}"),
            FormField("recipient", "To", FieldKind.LINE, _form(rules.recipient_forms)),
            FormField("body", "Text", FieldKind.LINES),
        )

    @property
    def options(self) -> list[FormField]:
        """What the channel has beside that."""
        return self._filled(*map(_option_field, options_of(self.channel)))

    @property
    def has_options(self) -> bool:
        """Whether any of those has something in it that is not there from the start."""
        usual = {field_name(one): one.default or "" for one in options_of(self.channel)}
        return any(
            self.values.get(name, "") != text or name in self.problems
            for name, text in usual.items()
        )

    @property
    def delivery(self) -> list[FormField]:
        """How the provider delivers it."""
        return self._filled(
            FormField(
                "how_often",
                "Send it",
                FieldKind.CHOICE,
                "Providers send a webhook again if no answer reaches them.",
                choices=(
                    (HowOften.SINGLE, "One time"),
                    (HowOften.REPEATED, "Two times, the same webhook"),
                    (HowOften.MANY, "Many at once"),
                ),
            ),
            FormField(
                "count", "How many", FieldKind.NUMBER, f"2 to {MOST_TIMES} different messages."
            ),
            FormField(
                "message_id",
                "Message id",
                FieldKind.LINE,
                "The provider's id. Without one, each message has an id of its own.",
            ),
            FormField(
                "tamper",
                "Break the signature",
                FieldKind.FLAG,
                "Frontdesk refuses it, and stores nothing of it.",
            ),
        )

    def _filled(self, *fields: FormField) -> list[FormField]:
        return [
            replace(
                field,
                value=self.values.get(field.name, ""),
                problem=self.problems.get(field.name, ""),
            )
            for field in fields
        ]


def _option_field(option: SendOption) -> FormField:
    text = option.help.replace(" (repeatable)", "")
    choices = option.choices if option.default else ("", *option.choices)
    if option.read_file:
        text = f"{text} All together may have {FILES_BYTES // MEBIBYTE} MB."
    elif option.is_repeatable:
        text = f"{text} One on each line."
    return FormField(
        field_name(option),
        title_of(option),
        _kind(option),
        text,
        choices=tuple((choice, choice or "Not given") for choice in choices),
        placeholder=option.example,
    )


def _kind(option: SendOption) -> FieldKind:
    if option.read_file:
        return FieldKind.FILES
    if option.is_flag:
        return FieldKind.FLAG
    if option.choices:
        return FieldKind.CHOICE
    return FieldKind.LINES if option.is_repeatable or option.is_multiline else FieldKind.LINE


def _form(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
