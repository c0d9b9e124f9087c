"""Forms that were put together anew from the text of another one.

Twilio signs names and values without delimiters, so a captured signature also proves *regrouped*
fields: ``From=+1`` and ``FromCity=X`` have the one of ``From=+1FromCityX``. Recorded under its
MessageSid, such a form would take the place of the real message.
https://www.twilio.com/docs/usage/security#validating-requests
"""

import re
from itertools import product

from domain.errors import UnreadableMessageError
from infrastructure.channels.twilio.metadata import KNOWN_PARAMETERS, MANDATORY_FIELDS
from infrastructure.channels.twilio.verification import Form

_NAME = re.compile(r"[A-Z][A-Za-z0-9_.]*")
_OF_TWO_WORDS = re.compile(r"[A-Z][a-z]+[A-Z][A-Za-z]+")
_OF_A_FILE = re.compile(r"Media(ContentType|Url)[0-9]+", re.ASCII)
_GEOGRAPHY = map("".join, product(("From", "To"), ("City", "Country", "State", "Zip")))
_KNOWN_NAMES = tuple(
    {
        *(*MANDATORY_FIELDS, *KNOWN_PARAMETERS, *_GEOGRAPHY),
        *("ApiVersion", "Body", "InteractiveData", "ListId", "ListTitle", "MediaContentType"),
        *("MediaUrl", "NumMedia", "ReferralNumMedia", "SmsMessageSid", "SmsSid", "SmsStatus"),
    }
)
_ADDRESS = r"(?:\+[1-9][0-9]{6,14}|(?:whatsapp|rcs|messenger):[+A-Za-z0-9_.-]{1,150})"
_VALUES = {
    "AccountSid": r"AC[0-9a-fA-F]{32}",
    "ChannelMetadata": r"\{",
    "ExternalUserId": r"whatsapp:[+A-Za-z0-9_.-]{1,150}",
    "Forwarded": r"(?:true|false)",
    "From": _ADDRESS,
    "MediaUrl": r"[0-9]+https?:",
    "MessageSid": r"(?:SM|MM)[0-9a-fA-F]{32}",
    "MessagingServiceSid": r"MG[0-9a-fA-F]{32}",
    "OptOutType": r"(?:STOP|START|HELP)",
    "To": _ADDRESS,
    "WaId": r"[0-9]{6,15}",
}
"""What decides about a message or stands beside its text, and how the values begin."""

_ADDRESSES = ("ExternalUserId", "From", "To")
_HIDDEN = {field: re.compile(field + value) for field, value in _VALUES.items()}
_HIDDEN_WITH_ITS_SUCCESSOR = {
    field: re.compile(f"{field}{value}(?={'|'.join(_KNOWN_NAMES)})")
    for field, value in _VALUES.items()
}


def refuse_regrouped(form: Form) -> None:
    """Raise ``UnreadableMessageError`` if ``form`` has the marks of one that was regrouped."""
    if not all(_NAME.fullmatch(name) for name in form):
        raise UnreadableMessageError("the name of a parameter is ill-formed")
    for field in _ADDRESSES:
        if any(_swallows_a_name(form, field, text) for text in form.getall(field)):
            raise UnreadableMessageError(f"{field} is ill-formed")
    pairs = ((name, value) for name in form for value in form.getall(name))
    hidden = next(filter(None, (_hidden_field(form, *pair) for pair in pairs)), None)
    if hidden:
        raise UnreadableMessageError(f"{hidden} is hidden in another parameter")


def _swallows_a_name(form: Form, field: str, value: str) -> bool:
    """Whether an address has in it the name of a parameter that the form lacks.

    It may go on with that name, or be the rest of it: ``From=City`` of ``FromCity=``. Where there
    is no scheme, a sender may be called ``WhiteLabel``.
    """
    return any(
        name > field
        and name not in form.fields
        and (name in value or (field + value).startswith(name))
        for name in _KNOWN_NAMES
        if ":" in value or _OF_TWO_WORDS.fullmatch(name)
    )


def _hidden_field(form: Form, name: str, value: str) -> str | None:
    """The field that stands whole inside the text of this parameter; ``None`` if none does."""
    text = _text_of(name, value)
    if "Body" not in form.fields and "Body" in text:
        return "Body"
    return next((field for field in _VALUES if _hides(form, field, name, value)), None)


def _may_be_new(form: Form, field: str, name: str) -> bool:
    """Whether ``name`` ends in ``field`` by itself, like ``ParentMessageSid``.

    It is made up if another parameter that is missing is part of it. So it is if it begins with
    the field: only that makes it fall between ``From`` and ``FromCity``.
    """
    if not name.endswith(field) or name.startswith(field):
        return False
    return not any(
        known in name
        for known in _KNOWN_NAMES
        if known not in form.fields and _OF_TWO_WORDS.fullmatch(known)
    )


def _text_of(name: str, value: str) -> str:
    """Where a field may hide: in the name as well, if it is not one that Twilio is known for."""
    return value if name in _KNOWN_NAMES or _OF_A_FILE.fullmatch(name) else name + value


def _hides(form: Form, field: str, name: str, value: str) -> bool:
    """Whether this parameter holds a second ``field``, or the one that is missing.

    The text is signed in the order of the names. What a sender wrote before the real field may
    well look like one, but a form can only be cut there if another parameter follows.
    """
    text = value if _may_be_new(form, field, name) else _text_of(name, value)
    ends_anywhere = field not in form.fields or name > field
    pattern = (_HIDDEN if ends_anywhere else _HIDDEN_WITH_ITS_SUCCESSOR)[field]
    return pattern.search(text) is not None
