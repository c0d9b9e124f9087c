"""How the signature doctors of all providers say what to do."""

from collections.abc import Sequence

_NAMES = ("API Gateway", "CloudFront", "Laravel", "SENDGRID", "TWILIO")
"""What a remedy may begin with that has its capital letters everywhere."""


def alternatives(remedies: Sequence[str], *, was_received: bool = False) -> str:
    """Remedies of which one is enough, in one sentence.

    Of a request that ``was_received`` here there is no capture, so none can be to blame.
    """
    if was_received:
        remedies = [one for one in remedies if "capture" not in one]
    others = (one if one.startswith(_NAMES) else one[:1].lower() + one[1:] for one in remedies[1:])
    return "; or ".join((*remedies[:1], *others))
