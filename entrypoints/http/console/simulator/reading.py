"""Reads the simulator's form: what is wrong is told beside its field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from entrypoints import addresses
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.http.console.posted_forms import PostedForm
from entrypoints.http.console.simulator.fields import (
    FILES_BYTES,
    MEBIBYTE,
    MOST_TIMES,
    HowOften,
    field_name,
    is_shown,
    title_of,
)
from entrypoints.simulation.messages import named_sender
from infrastructure.channels.provider import SendOption, SimulatedMessage

RUN_BYTES = 32 * MEBIBYTE
"""How large the files of all messages of one run may be."""

LINE_CHARACTERS = 900
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Value = TypeVar("Value")


@dataclass
class FormReader:
    """Reads a ``form`` of ``channel``. ``problems`` has what was wrong, by the names of fields."""

    channel: ChannelType
    form: PostedForm
    problems: dict[str, str] = field(default_factory=dict)

    def message(self, url: str) -> SimulatedMessage:
        """The message, if there are no problems. ``url`` is the one that is signed."""
        nobody: tuple[str | None, str] = (None, "")
        name, sender = self._read("sender", self._sender, nobody)
        body = self.form.fields.get("body", "").replace("\r\n", "\n") or None
        options = {one.key: self._value(one) for one in self._all_options}
        self._require_content(body, options)
        return SimulatedMessage(
            channel=self.channel,
            url=url,
            sender=sender,
            sender_name=name,
            recipient=self._read("recipient", self._recipient, ""),
            body=body,
            message_id=self._read_given("message_id", str),
            tamper="tamper" in self.form.fields,
            options=options,
        )

    def how_often(self) -> tuple[HowOften, int]:
        """How often it is sent, and how many webhooks that makes."""
        how = self._read("how_often", _how_often, HowOften.SINGLE)
        count = self._read("count", _count, 1) if how is HowOften.MANY else 2
        if how is HowOften.MANY and self._files_bytes * count > RUN_BYTES:
            most = RUN_BYTES // MEBIBYTE
            self.problems["count"] = f"the files of so many are over {most} MB: send fewer"
        return how, 1 if how is HowOften.SINGLE else count

    @property
    def _all_options(self) -> tuple[SendOption, ...]:
        return PROVIDERS[self.channel]().simulation().options

    @property
    def _files_bytes(self) -> int:
        return sum(len(file.content) for file in self.form.files)

    def _value(self, option: SendOption) -> object:
        name = field_name(option)
        if not is_shown(option, self.channel):
            return () if option.is_repeatable else None
        if option.read_file:
            return self._files(option, option.read_file)
        return name in self.form.fields if option.is_flag else self._text_value(option)

    def _text_value(self, option: SendOption) -> object:
        name = field_name(option)
        if option.choices:
            return self._read_given(name, lambda text: _one_of(option.choices, text))
        if option.is_repeatable:
            lines = filter(None, map(str.strip, self.form.text(name).splitlines()))
            read = (self._try(name, option.read, line) for line in lines)
            return tuple(value for value in read if value is not None)
        if option.is_multiline:
            return self.form.fields.get(name, "").replace("\r\n", "\n") or None
        return self._read_given(name, option.read) or option.default

    def _files(self, option: SendOption, read: Callable[[str, bytes], object]) -> object:
        name = field_name(option)
        if self._files_bytes > FILES_BYTES:
            self.problems[name] = f"all files together may have {FILES_BYTES // MEBIBYTE} MB"
            return ()
        files = tuple(
            read(_file_name(file.filename), file.content)
            for file in self.form.files
            if file.field_name == name
        )
        return files if option.is_repeatable else next(iter(files), None)

    def _require_content(self, body: str | None, options: Mapping[str, object]) -> None:
        contents = [one for one in self._all_options if one.is_content]
        if body is None and not any(options[one.key] for one in contents):
            shown = (title_of(one) for one in contents if is_shown(one, self.channel))
            self.problems.setdefault("body", f"say something, or fill in: {', '.join(shown)}")

    def _sender(self, text: str) -> tuple[str | None, str]:
        name, address = named_sender(self.channel, text)
        return name, addresses.sender_address(self.channel, address)

    def _recipient(self, text: str) -> str:
        return addresses.recipient_address(self.channel, text)

    def _read_given(self, name: str, read: Callable[[str], Value]) -> Value | None:
        text = self.form.text(name)
        return self._try(name, read, text) if text else None

    def _read(self, name: str, read: Callable[[str], Value], otherwise: Value) -> Value:
        value = self._try(name, read, self.form.text(name))
        return otherwise if value is None else value

    def _try(self, name: str, read: Callable[[str], Value], text: str) -> Value | None:
        """The value, or ``None`` and a problem."""
        try:
            return read(_one_line(text))
        except (ValueError, InvalidAddressError) as error:
            self.problems[name] = str(error)
            return None


def _one_line(text: str) -> str:
    """``text``, if it cannot smuggle a line into a header."""
    if _CONTROL_CHARACTERS.search(text):
        raise ValueError("this may have no line breaks and no control characters")
    if len(text) > LINE_CHARACTERS:
        raise ValueError(f"this may have {LINE_CHARACTERS} characters")
    return text


def _how_often(text: str) -> HowOften:
    return HowOften(_one_of(tuple(HowOften), text))


def _one_of(choices: tuple[str, ...], text: str) -> str:
    if text not in choices:
        raise ValueError(f"choose one of: {', '.join(choices)}")
    return text


def _count(text: str) -> int:
    if not (re.fullmatch("[0-9]{1,3}", text) and 2 <= int(text) <= MOST_TIMES):  # noqa: PLR2004 - more than one
        raise ValueError(f"a whole number from 2 to {MOST_TIMES}")
    return int(text)


def _file_name(text: str) -> str:
    """The name as a mail has it: browsers may send a path, and anything may stand in it."""
    name = re.split(r"[/\\]", _CONTROL_CHARACTERS.sub("", text))[-1]
    return name[:LINE_CHARACTERS] or "file"
