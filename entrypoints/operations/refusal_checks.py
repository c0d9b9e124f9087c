"""The refusals of the last hour, and what an operator can do about each."""

from collections.abc import Iterator
from datetime import timedelta

from application.ports.checks import CheckStatus
from application.ports.refusals import Refusal
from domain.channels import ChannelType
from domain.times import readable
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.container import Container

RECENT = timedelta(hours=1)
MOST_LINES = 10

Found = tuple[CheckStatus, str]


def remedy(channel: ChannelType, reason: str) -> str:
    """What an operator can do about a refusal, in a sentence."""
    return PROVIDERS[channel]().remedy(reason) or "the log has more"


def check_refusals(container: Container) -> Iterator[Found]:
    """A line for each kind of refusal of the last hour, the latest first."""
    refusals = container.refusals()
    since = container.clock()() - RECENT
    recent = [refusal for refusal in refusals.latest() if refusal.last_at >= since]
    for refusal in recent[:MOST_LINES]:
        yield CheckStatus.WARNING, refusal_line(refusal)
    if more := len(recent[MOST_LINES:]):
        yield CheckStatus.WARNING, f"{more} more kinds in the last hour"
    notice = refusals.notice()
    if notice:
        yield CheckStatus.SKIPPED, notice
    elif not recent:
        yield CheckStatus.OK, "none in the last hour"


def refusal_line(refusal: Refusal) -> str:
    """How often, since when, why, for which URLs, and what to do."""
    if refusal.count == 1:
        when = f"1 time, at {readable(refusal.last_at)}"
    else:
        times = f"{readable(refusal.first_at)} to {readable(refusal.last_at)}"
        when = f"{refusal.count} times, {times}"
    account = f" of {refusal.account}" if refusal.account else ""
    tried = f", tried {refusal.tried_urls}" if refusal.tried_urls else ""
    advice = remedy(refusal.channel, refusal.reason)
    return f"{refusal.channel}: {when}, {refusal.reason}{account}{tried}: {advice}"
