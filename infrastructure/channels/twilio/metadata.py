"""Everything in a form that is not the message itself: normalised where it is known, else verbatim.

Twilio adds parameters without notice. None is dropped: what this module does not know, or
cannot convert, goes under ``provider`` as it came.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from domain.messages import Attachment
from infrastructure.channels.twilio.verification import Form

MANDATORY_FIELDS = ("MessageSid", "AccountSid", "From", "To")

_COUNT = re.compile(r"0|[1-9][0-9]{0,8}")
_NUMBER = re.compile(rf"-?({_COUNT.pattern})(\.[0-9]{{1,16}})?")
_UNKNOWN_TYPE: Final = "application/octet-stream"
_MAX_JSON_DEPTH = 16
_PLACE = re.compile(r"0|[1-9][0-9]{0,2}")
_ON_THE_MESSAGE = frozenset((*MANDATORY_FIELDS, "Body"))


_flag = {"true": True, "false": False}.__getitem__


def _count(value: str) -> object:
    if not _COUNT.fullmatch(value):
        raise ValueError("not a count")
    return int(value)


def _coordinate(value: str) -> object:
    """A float where it is one; a place that is written otherwise is still a place."""
    return float(value) if _NUMBER.fullmatch(value) else value


def _json(value: str) -> object:
    """Decoded JSON that can be encoded again: no NaN, no half characters, no repeated key.

    ``null`` is refused too: in the metadata it would look like a parameter that was not sent.
    """
    decoded: object = json.loads(value, object_pairs_hook=_distinct)
    if decoded is None:
        raise ValueError("no value")
    json.dumps(decoded, ensure_ascii=False, allow_nan=False).encode()
    if not _is_shallow(decoded, _MAX_JSON_DEPTH):
        raise ValueError("nested too deeply")
    return decoded


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a repeated key")
    return decoded


def _is_shallow(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return depth > 0 and all(_is_shallow(child, depth - 1) for child in value)


KNOWN_PARAMETERS: Mapping[str, tuple[str, str, Callable[[str], object]]] = {
    "AddOns": ("", "add_ons", _json),
    "Address": ("location", "address", str),
    "ButtonPayload": ("button", "payload", str),
    "ButtonText": ("button", "text", str),
    "ChannelMetadata": ("", "channel_metadata", _json),
    "ExternalUserId": ("", "external_user_id", str),
    "Forwarded": ("", "forwarded", _flag),
    "FrequentlyForwarded": ("", "frequently_forwarded", _flag),
    "Label": ("location", "label", str),
    "Latitude": ("location", "latitude", _coordinate),
    "Longitude": ("location", "longitude", _coordinate),
    "MessageType": ("", "message_type", str),
    "MessagingServiceSid": ("", "messaging_service_sid", str),
    "NumSegments": ("", "num_segments", _count),
    "OptOutType": ("", "opt_out_type", str),
    "OriginalRepliedMessageSender": ("reply_to", "sender", str),
    "OriginalRepliedMessageSid": ("reply_to", "message_sid", str),
    "ParentExternalUserId": ("", "parent_external_user_id", str),
    "ProfileName": ("", "profile_name", str),
    "ReferralBody": ("referral", "body", str),
    "ReferralCtwaClid": ("referral", "ctwa_clid", str),
    "ReferralHeadline": ("referral", "headline", str),
    "ReferralMediaContentType": ("referral", "media_content_type", str),
    "ReferralMediaId": ("referral", "media_id", str),
    "ReferralMediaUrl": ("referral", "media_url", str),
    "ReferralSourceId": ("referral", "source_id", str),
    "ReferralSourceType": ("referral", "source_type", str),
    "ReferralSourceUrl": ("referral", "source_url", str),
    "WaId": ("", "wa_id", str),
}
"""Parameter → (its group in the metadata, its name there, how it is read)."""


def metadata_of(form: Form) -> dict[str, object]:
    """The metadata of the message in ``form``: JSON types only.

    Known parameters under names of their own, and ``group_recipients``, the others who got a
    message that was sent to a group. Under ``provider`` every other parameter, as text, or as a
    list of texts if it is repeated. Empty values are kept there too.
    """
    groups: defaultdict[str, dict[str, object]] = defaultdict(dict)
    provider: dict[str, object] = {}
    others = _numbered(form, "OtherRecipients")
    elsewhere = {*_ON_THE_MESSAGE, *_media_fields(form), *others}
    for name, values in form.fields.items():
        if len(values) > 1:
            provider[name] = values
        elif name not in elsewhere:
            text = values[0]
            known = KNOWN_PARAMETERS.get(name) if text else None
            if known is None:
                provider[name] = text
                continue
            group, key, read = known
            try:
                groups[group][key] = read(text)
            except (ValueError, KeyError, RecursionError):
                provider[name] = text
    if others:
        groups[""]["group_recipients"] = [form.first(name) for name in others]
    return {**groups.pop("", {}), **groups, "provider": provider}


def attachments_of(form: Form) -> tuple[Attachment, ...]:
    """The files that Twilio holds for the message, in its order; a referral's picture last.

    What is listed counts, whatever ``NumMedia`` says.
    """
    pairs = [(place, _content_type_of(place)) for place in _numbered(form, "MediaUrl")]
    pairs.append(("ReferralMediaUrl", "ReferralMediaContentType"))
    return tuple(
        Attachment(content_type=form.first(kind) or _UNKNOWN_TYPE, url=url)
        for place, kind in pairs
        if (url := form.first(place))
    )


def _numbered(form: Form, prefix: str) -> list[str]:
    """The parameters ``prefix0``, ``prefix1`` and so on that are not empty, in that order."""
    if prefix not in "\n".join(form.fields):
        return []  # as nearly always
    found = [
        (int(place[0]), name)
        for name in form.fields
        if name.startswith(prefix)
        if (place := _PLACE.fullmatch(name, len(prefix))) and form.first(name)
    ]
    return [name for _, name in sorted(found)]


def _media_fields(form: Form) -> list[str]:
    """The parameters that an attachment holds in full."""
    places = _numbered(form, "MediaUrl")
    return [name for name in (*places, *map(_content_type_of, places)) if form.only(name)]


def _content_type_of(media_url: str) -> str:
    return media_url.replace("Url", "ContentType")
