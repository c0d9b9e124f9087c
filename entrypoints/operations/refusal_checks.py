"""The refusals of the last hour, and what an operator can do about each."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from application.overview.sampled_numbers import ACCEPTED, received
from application.overview.timeline import SPANS, timeline_of
from application.ports.checks import CheckStatus
from application.ports.refusals import Refusal
from application.receiving.receive_webhook import WebhookOutcome
from domain.channels import ChannelType
from domain.errors import PayloadTooLargeError, UnsupportedChannelError
from domain.times import readable
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.container import Container
from entrypoints.operations.public_url_checks import configured_url
from infrastructure.channels.remedies import Explained, for_settings
from infrastructure.configuration.settings import Settings

RECENT = timedelta(hours=1)
MOST_LINES = 10

Found = tuple[CheckStatus, str]

_MISMATCH = "signature_mismatch"
_DEFAULT_PORTS = {"https": "443", "http": "80"}


def check_refusals(container: Container) -> Iterator[Found]:
    """A line for each kind of refusal of the last hour, the latest first.

    Where nothing else came on a channel, the first that names its account is an error.
    """
    refusals, settings = container.refusals(), container.settings()
    since = container.clock()() - RECENT
    recent = [refusal for refusal in refusals.latest() if refusal.last_at >= since]
    alone = [*_without_others(container, recent)]
    for refusal in alone:
        name = refusal.channel.rules.name if refusal.channel else ""
        line = refusal_line(refusal, settings)
        yield CheckStatus.ERROR, f"all {name} webhooks of the last hour were refused. {line}"
    for refusal in [one for one in recent if one not in alone][:MOST_LINES]:
        yield CheckStatus.WARNING, refusal_line(refusal, settings)
    if more := len(recent[MOST_LINES + len(alone) :]):
        yield CheckStatus.WARNING, f"{more} more kinds in the last hour"
    notice = refusals.notice()
    if notice:
        yield CheckStatus.SKIPPED, notice
    elif not recent:
        yield CheckStatus.OK, "none in the last hour"


def _without_others(container: Container, recent: Sequence[Refusal]) -> Iterator[Refusal]:
    """The latest refusal of a known account, for each channel on which nothing was accepted.

    Samples tell it: without any of the last hour it is not known.
    """
    span, now = SPANS[1], container.clock()()
    since = now - RECENT - timedelta(seconds=span.step_seconds)
    timeline, _ = timeline_of(container.operations().samples().since(since), span, now)
    for channel in ChannelType:
        of_channel = [one for one in recent if one.channel is channel and one.account]
        is_counted = timeline.total(received(channel, WebhookOutcome.REFUSED))
        accepted = timeline.total(*(received(channel, one) for one in ACCEPTED))
        is_accepted = any(one.accepted_at and one.accepted_at >= now - RECENT for one in of_channel)
        if of_channel and is_counted and not accepted and not is_accepted:
            yield of_channel[0]


def refusal_line(refusal: Refusal, settings: Settings) -> str:
    """How often, when, why, for which URLs, and what to do."""
    todo = what_to_do(refusal, settings)
    if is_of_unknown_path(refusal):
        return f"{_when(refusal, 'request')} to a path that is no webhook (404). {todo}"
    channel = refusal.channel or "?"
    account = f" of account {refusal.account}" if refusal.account else ""
    tried = checked_urls(refusal)
    checked = f", checked with {tried}" if tried else ""
    line = f"{channel}: {_when(refusal, 'webhook')}, {refusal.reason}{account}{checked}."
    return f"{line} {todo}" if todo else line


def is_of_unknown_path(refusal: Refusal) -> bool:
    """Whether the request came to a path that is no webhook."""
    return refusal.reason == UnsupportedChannelError.reason


def checked_urls(refusal: Refusal) -> str:
    """The URLs for which the signature was computed, each once. Of others no URL was looked at."""
    return _shown(refusal.tried_urls) if refusal.reason == _MISMATCH else ""


def what_to_do(refusal: Refusal, settings: Settings) -> str:
    """What the reason means and what an operator can do, in sentences without the last stop."""
    return ". ".join(filter(None, explained(refusal, settings)))


def explained(refusal: Refusal, settings: Settings) -> Explained:
    """The same in its parts."""
    if is_of_unknown_path(refusal):
        return _of_unknown_path(settings)
    if refusal.diagnosis:
        found = Explained(refusal.diagnosis.cause.removesuffix("."), refusal.diagnosis.remedy)
    else:
        plain = _without_diagnosis(refusal)
        found = for_settings(plain, has_tenants=settings.tenants is not None)
    more = [found.more, *_others_of_account(refusal)]
    if refusal.reason == PayloadTooLargeError.reason:
        more.append(f"MAX_BODY_BYTES is {settings.max_body_bytes}")
    return found._replace(more=". ".join(filter(None, more)))


def _without_diagnosis(refusal: Refusal) -> Explained:
    """What the reason alone tells."""
    found = PROVIDERS[refusal.channel]().explained(refusal.reason) if refusal.channel else None
    if found is None:
        return Explained("", "The log has more" if refusal.channel else "")
    if checked_urls(refusal).startswith("http://"):
        return found._replace(
            cause=f"Frontdesk checked http, and providers most likely call https. {found.cause}",
            remedy=f"Let PUBLIC_BASE_URL begin with https. {found.remedy}",
        )
    return found


def _others_of_account(refusal: Refusal) -> Iterator[str]:
    """What tells a secret that was changed from requests that are forged."""
    is_doubtful = refusal.diagnosis is None or not refusal.diagnosis.is_certain
    if refusal.reason != _MISMATCH or not refusal.account or not is_doubtful:
        return
    if refusal.accepted_at:
        yield (
            f"The latest message of this account that was accepted before came at "
            f"{readable(refusal.accepted_at)}: if the provider's are accepted since, the secret is "
            f"right, and these are forged, or come to another URL"
        )
    elif refusal.channel and not refusal.channel.rules.has_threads:
        # Of mail it is not known which account was meant: its signature names none.
        yield "The process that refused it has accepted none of this account since it started"


def _when(refusal: Refusal, noun: str) -> str:
    if refusal.count == 1:
        return f"1 {noun} at {readable(refusal.last_at)}"
    between = f"from {readable(refusal.first_at)} to {readable(refusal.last_at)}"
    return f"{refusal.count} {noun}s {between}"


def _of_unknown_path(settings: Settings) -> Explained:
    """The URLs that a provider must have, for one who has another."""
    # Values of a query may be secret.
    urls = [(configured_url(settings, channel) or "").partition("?")[0] for channel in ChannelType]
    if all(urls):
        right = f"The right URLs are {', '.join(urls)}"
    else:
        paths = ", ".join(f"/webhooks/{channel}" for channel in ChannelType)
        right = f"The right URLs end with {paths}"
    return Explained(
        right, "Compare the URL at the provider", "Scanners on the internet come here too"
    )


def _shown(tried_urls: str) -> str:
    """``tried_urls`` without those that only name the port that is the default."""
    urls = tried_urls.split()
    twins = {_with_default_port(url) for url in urls}
    return " ".join(url for url in urls if url not in twins)


def _with_default_port(url: str) -> str | None:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    port = _DEFAULT_PORTS.get(scheme.lower())
    return f"{scheme}{separator}{host}:{port}{slash}{path}" if port and host else None
