"""Forms that may have been put together anew from the text of another one.

Twilio signs names and values sorted by name, and without delimiters. So a captured signature
also proves *regrouped* fields: ``From=+1`` and ``FromCity=X`` have that of ``From=+1FromCityX``.
https://www.twilio.com/docs/usage/security#validating-requests

A message with these marks goes to a human. It is not refused: what is signed and new may just be
worded like that. A regrouping without a mark changes no more than what a message says, under its
own MessageSid, where it is found to differ from what was recorded.
"""

import re
from collections.abc import Collection
from itertools import pairwise, product

from infrastructure.channels.twilio.metadata import KNOWN_PARAMETERS, MANDATORY_FIELDS
from infrastructure.channels.twilio.verification import Form

_GEOGRAPHY = map("".join, product(("From", "To"), ("City", "Country", "State", "Zip")))
_KNOWN_NAMES = frozenset((*MANDATORY_FIELDS, *KNOWN_PARAMETERS, *_GEOGRAPHY)) | {
    *("ApiVersion", "Body", "InteractiveData", "ListId", "ListTitle", "MediaContentType"),
    *("MediaUrl", "NumMedia", "OtherRecipients", "ReferralNumMedia", "SmsMessageSid"),
    *("SmsSid", "SmsStatus"),
}
_NAMES_OF_TWO_WORDS = frozenset(
    name for name in _KNOWN_NAMES if re.fullmatch(r"[A-Z][a-z]+[A-Z][A-Za-z]+", name)
)
_PLAIN_NUMBER = re.compile(r"(?:whatsapp:)?\+[1-9][0-9]{6,14}")
_ADDRESS = r"(?:\+[1-9][0-9]{6,14}|(?:whatsapp|rcs|messenger):[+A-Za-z0-9_.-]{1,150})"
_VALUES = {
    "AccountSid": r"AC[0-9a-fA-F]{32}",
    "ExternalUserId": r"whatsapp:[+A-Za-z0-9_.-]{1,150}",
    "From": _ADDRESS,
    "MessageSid": r"(?:SM|MM)[0-9a-fA-F]{32}",
    "MessagingServiceSid": r"MG[0-9a-fA-F]{32}",
    "To": _ADDRESS,
    "WaId": r"[0-9]{6,15}",
}
"""The fields that say which message it is, and between whom, with the form of their values."""

_ALWAYS_BEHIND = {"AccountSid": "ApiVersion", "MessageSid": "NumMedia"}
"""What Twilio sends with every message: no forged field can end behind it."""

_WITHOUT_CAPITALS = ("ApiVersion", "NumMedia", "NumSegments")
"""Parameters whose values have no capital letter, while every name of Twilio's begins with one."""

_FIELDS = tuple(_VALUES)
_ADDRESSES = ("ExternalUserId", "From", "To")
_SENDERS = ("ExternalUserId", "From")
_WHOLE_FIELD = re.compile("|".join(name + value for name, value in _VALUES.items()))
_VALUE = re.compile("|".join(f"(?<={name}){value}" for name, value in _VALUES.items()))
"""The value behind a name that ends in the name of its field."""


_FIRST_FIELD = re.compile(r"AccountSid(?:AC|$)")


def is_regrouping_suspected(form: Form, url: str) -> bool:
    """Whether ``form``, signed for ``url``, has a mark of one that was regrouped."""
    new_names = form.fields.keys() - _KNOWN_NAMES
    return (
        _ends_with_fields(url)
        or _hides_a_field(form)
        or (bool(new_names) and _has_a_second_sender(form, new_names))
        or (bool(new_names) and _has_a_made_up_name(form))
        or _swallows_a_name(form)
        or _swallows_the_next_parameter(form)
    )


def _ends_with_fields(url: str) -> bool:
    """A URL that has swallowed the fields behind it, of which the first is always the account.

    ``/sms``, ``AccountSid=AC1``, ``From=+1``, ``MessageSid=SM1`` and the chosen name
    ``ProfileName=AccountSidAC1From+2MessageSidSM2`` become a request for
    ``/smsAccountSidAC1From+1MessageSidSM1ProfileName`` with the fields of that name.
    """
    return "AccountSid" in url and _FIRST_FIELD.search(url) is not None


def _hides_a_field(form: Form) -> bool:
    """A field that stands whole inside another parameter, where a forged one has taken its place.

    ``Body=hiFrom+2FromA`` and ``From=+1`` become ``Body=hi``, ``From=+2``, ``FromA=From+1``. A
    parameter may end in the name of a field by itself, like ``SmsMessageSid``.
    """
    texts = [name + value for name, values in form.fields.items() for value in values]
    by_themselves = sum(
        _VALUE.fullmatch(name + value, len(name)) is not None
        for name in form.fields
        if name.endswith(_FIELDS) and name.isalnum()
        for value in form.fields[name]
    )
    return len(_WHOLE_FIELD.findall("\n".join(texts))) != by_themselves


def _field_at_the_end(name: str) -> str:
    return next(filter(name.endswith, _FIELDS))


def _has_a_second_sender(form: Form, new_names: Collection[str]) -> bool:
    """The sender once more, anywhere behind the forged one, in a parameter that is new.

    ``Body=hiFrom+2FromZip1G`` and ``From=+1`` become ``Body=hi``, ``From=+2``, ``FromZip=1`` and
    ``GFrom=+1``.
    """
    return any(
        name.endswith(_SENDERS)
        and name > (field := _field_at_the_end(name))
        and any(_WHOLE_FIELD.fullmatch(field + value) for value in form.getall(name))
        for name in new_names
    )


def _has_a_made_up_name(form: Form) -> bool:
    """The rest of a field, or the field once more, in the parameter after it, which is new.

    ``To=whatsapp:+1`` and ``WaId=1`` become ``To=w`` and ``hatsapp:+1WaId=1``. And
    ``Body=hiFrom+2FromA`` and ``From=+1`` become ``Body=hi``, ``From=+2``, ``FromAFrom=+1``.
    """
    for field, following in pairwise(sorted(form.fields)):
        is_new = following.rstrip("0123456789") not in _KNOWN_NAMES
        is_possible = field not in _ALWAYS_BEHIND or following < _ALWAYS_BEHIND[field]
        if field in _VALUES and is_new and is_possible:
            text = following + "".join(form.getall(following))
            missing = () if following[:1].isupper() else _KNOWN_NAMES - form.fields.keys()
            if (
                following.endswith(field)
                or re.search(field + "[+A-Z0-9]", text[1:])
                or any(name in following for name in missing)
            ):
                return True
    return False


def _swallows_a_name(form: Form) -> bool:
    """An address with the name of a parameter in it that the form lacks.

    ``From=rcs:a`` and ``Label=home`` become ``From=rcs:aLabelhome``. Or the address is the rest of
    that name: ``FromCity=Rome`` becomes ``From=CityRome``, once the real one is hidden elsewhere.
    Where there is no scheme, a sender may be called ``WhiteLabel``.
    """
    return any(
        name > field and (name in value or (field + value).startswith(name))
        for field in _ADDRESSES
        for value in form.getall(field)
        if not _PLAIN_NUMBER.fullmatch(value)
        for name in (_KNOWN_NAMES if ":" in value else _NAMES_OF_TWO_WORDS) - form.fields.keys()
    )


def _swallows_the_next_parameter(form: Form) -> bool:
    """A count or a version with a name behind it, or a text that has become a part of its name.

    ``ApiVersion=2010-04-01`` and ``Body=hi`` become ``ApiVersion=2010-04-01Bodyhi``, or
    ``Bodyhi=``. A text may just be missing, and other parameters may well speak of a body.
    """
    has_capitals = any(
        value != value.lower() for name in _WITHOUT_CAPITALS for value in form.getall(name)
    )
    return has_capitals or (
        "Body" not in form.fields and any(name.startswith("Body") for name in form)
    )
