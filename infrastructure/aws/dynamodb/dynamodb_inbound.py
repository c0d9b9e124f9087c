"""What a message says beyond an item's attributes, short: DynamoDB charges by the kilobyte.

An SMS as Twilio posts it then fits into one unit. What is the same in nearly every message is
left out, and read where nothing is said.
"""

from collections.abc import Mapping
from typing import Any

_USUAL: Mapping[str, object] = {"author_authenticated": True, "has_reused_id": False}
_KNOWN_BY_SENDER = "known_by_sender"
"""Says that the sender is the only identity."""


def shortened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` of an inbound message without what ``complete`` adds again."""
    left_out = {name for name, usual in _USUAL.items() if fields.get(name) == usual}
    short = {name: value for name, value in fields.items() if name not in left_out}
    if fields["identities"] == [fields["sender"]]:
        short[_KNOWN_BY_SENDER] = True
        del short["identities"]
    if fields["sender_verbatim"] == fields["sender"]["value"]:
        del short["sender_verbatim"]
    recipient = fields["recipient"]
    if recipient == _recipient(recipient["verbatim"]):
        short["recipient"] = recipient["verbatim"]
    return short


def complete(short: Mapping[str, Any]) -> dict[str, Any]:
    """What ``shortened`` was given, also of an item from before it was."""
    fields = {"sender_verbatim": short["sender"]["value"], **_USUAL, **short}
    if fields.pop(_KNOWN_BY_SENDER, False):
        fields["identities"] = [fields["sender"]]
    if isinstance(fields["recipient"], str):
        fields["recipient"] = _recipient(fields["recipient"])
    return fields


def _recipient(address: str) -> Mapping[str, object]:
    return {"verbatim": address, "address": address, "keys": [address]}
