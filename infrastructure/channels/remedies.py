"""How all providers say why a webhook was refused, and what to do."""

import re
from collections.abc import Sequence
from typing import NamedTuple

RESTART = "restart Frontdesk"
"""What a setting takes that a server reads at its start alone."""


class Explained(NamedTuple):
    """Why webhooks were refused, what to do, and what else there is to know.

    Each in sentences without the last stop. ``remedy`` and ``more`` may be empty.
    """

    cause: str
    remedy: str = ""
    more: str = ""


_EITHER = re.compile(r"([A-Z_]+) \(or TENANTS\)")
_NAMES = ("API Gateway", "CloudFront", "Laravel", "SENDGRID", "TWILIO")
"""What a remedy may begin with that has its capital letters everywhere."""


def for_settings(found: Explained, *, has_tenants: bool) -> Explained:
    """The same, with the one setting that holds the secret: its own, or the tenants file."""
    setting = "TENANTS" if has_tenants else r"\1"
    return Explained(*(_EITHER.sub(setting, text) for text in found))


def alternatives(remedies: Sequence[str], *, was_received: bool = False) -> str:
    """Remedies of which one is enough, in one sentence. Empty ones are left out.

    Of a request that ``was_received`` here there is no capture, so none can be to blame.
    """
    if was_received:
        remedies = [one for one in remedies if "capture" not in one]
    remedies = [one for one in remedies if one]
    others = (one if one.startswith(_NAMES) else one[:1].lower() + one[1:] for one in remedies[1:])
    return "; or ".join((*remedies[:1], *others))
