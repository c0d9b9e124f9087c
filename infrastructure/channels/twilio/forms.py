"""Twilio's webhook form: decoded strictly, then its mandatory fields checked.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import UnreadableMessageError

MAX_FORM_FIELDS = 500
"""Twilio sends some thirty; every field costs a hash of everything before it."""


@dataclass(frozen=True, slots=True)
class Form:
    """A decoded form: every name with all of its values, in the order in which they came.

    Iterating gives the names, and ``getall`` the values of one: the shape of a multi-dict
    that Twilio's ``RequestValidator`` expects where names repeat.
    """

    fields: Mapping[str, tuple[str, ...]] = field(repr=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def getall(self, name: str) -> list[str]:
        """Every value of ``name``; empty if it is absent."""
        return list(self.fields.get(name, ()))

    def only(self, name: str) -> str | None:
        """The value of ``name``; ``None`` if it is absent or repeated."""
        values = self.fields.get(name, ())
        return values[0] if len(values) == 1 else None

    def first(self, name: str) -> str | None:
        """The first value of ``name``; ``None`` if there is none, or an empty one."""
        return next(iter(self.fields.get(name, ())), "") or None


def decode_form(body: bytes) -> Form:
    """Decode ``application/x-www-form-urlencoded`` in UTF-8; no value is trimmed or dropped.

    Raises ``ValueError`` for bytes that are not UTF-8 before or after percent-decoding, for
    a field without ``=``, and for more than ``MAX_FORM_FIELDS``. A lenient decoder would let
    ``Body&Bodyx`` pass for ``Body=Bodyx``, which has the same signature.
    """
    if not body:
        return Form({})
    pairs = parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=MAX_FORM_FIELDS,
    )
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return Form(fields)


# The longest address, its scheme and room for blanks: what may not grow a context for ever.
_AddressText = Annotated[str, Field(min_length=1, max_length=400)]


class IncomingMessageForm(BaseModel):
    """The fields without which a form is no message, and those that the domain knows.

    The mandatory ones occur exactly once, and ids have their form: see ``refuse_regrouped``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    message_sid: Annotated[str, Field(alias="MessageSid", pattern=r"^(SM|MM)[0-9a-fA-F]{32}$")]
    account_sid: Annotated[str, Field(alias="AccountSid", pattern=r"^AC[0-9a-fA-F]{32}$")]
    sender: Annotated[_AddressText, Field(alias="From")]
    recipient: Annotated[_AddressText, Field(alias="To")]
    body: Annotated[str, Field(alias="Body")] = ""
    messaging_service_sid: Annotated[
        str | None, Field(alias="MessagingServiceSid", pattern=r"^MG[0-9a-fA-F]{32}$")
    ] = None
    wa_id: Annotated[str | None, Field(alias="WaId")] = None
    external_user_id: Annotated[str | None, Field(alias="ExternalUserId")] = None
    opt_out_type: Annotated[str | None, Field(alias="OptOutType")] = None


MANDATORY_FIELDS = ("MessageSid", "AccountSid", "From", "To")
_PROBLEMS = {"missing": "missing", "string_type": "repeated"}
_OPTIONAL_FIELDS = ("Body", "MessagingServiceSid", "WaId", "ExternalUserId", "OptOutType")


def read_message_form(form: Form) -> IncomingMessageForm:
    """The message in ``form``.

    Raises ``UnreadableMessageError`` that names the fields which are ill-formed, or mandatory
    and missing or repeated; never a value. Of a repeated optional field it takes the first.
    """
    given: dict[str, object] = {
        name: values[0] if len(values) == 1 else values
        for name in MANDATORY_FIELDS
        if (values := form.getall(name))
    }
    given |= {name: text for name in _OPTIONAL_FIELDS if (text := form.first(name))}
    try:
        return IncomingMessageForm.model_validate(given)
    except pydantic.ValidationError as error:
        details = error.errors(include_input=False)
        problems = [f"{d['loc'][0]} is {_PROBLEMS.get(d['type'], 'ill-formed')}" for d in details]
        raise UnreadableMessageError(", ".join(problems)) from error
