"""Which URL each provider has to be configured with."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from application.ports.checks import CheckStatus
from domain.channels import ChannelType
from infrastructure.configuration.settings import Settings

Found = tuple[CheckStatus, str]


def configured_url(settings: Settings, channel: ChannelType) -> str | None:
    """The URL of the webhooks of ``channel`` as the settings have it; ``None`` if they do not."""
    if whole := settings.webhook_urls.get(channel):
        return whole
    base = settings.public_base_url
    return None if base is None else f"{base}/webhooks/{channel}"


def url_settings(settings: Settings, channel: ChannelType) -> str:
    """The settings that give ``configured_url``, for a sentence."""
    if channel in settings.webhook_urls:
        return f"PUBLIC_BASE_URL or {channel.upper()}_WEBHOOK_URL"
    return "PUBLIC_BASE_URL"


def check_public_urls(settings: Settings) -> Iterator[Found]:
    """A line for each URL, and one for the channels that have none."""
    unset = []
    for channel in ChannelType:
        url = configured_url(settings, channel)
        if url is None:
            unset.append(channel)
            continue
        whole = ", configured whole" if settings.webhook_urls.get(channel) else ""
        # Values of a query may be secret.
        shown = f"{url.partition('?')[0]} ({channel}{whole})"
        if _is_in_the_clear(url):
            yield (
                CheckStatus.WARNING,
                f"{shown} is not https: what customers write can be read on the way; and a "
                "provider that signs its URL most likely calls https: then every signature fails",
            )
        else:
            yield CheckStatus.OK, shown
    yield from _without_url(settings, [one for one in unset if one in settings.webhook_urls])


def _without_url(settings: Settings, unset: list[ChannelType]) -> Iterator[Found]:
    if not unset:
        return
    if not settings.has_real_secrets:
        yield (
            CheckStatus.SKIPPED,
            "PUBLIC_BASE_URL is not set: it is needed once a provider posts here",
        )
        return
    yield (
        CheckStatus.WARNING,
        "PUBLIC_BASE_URL is not set: the URL that was signed is taken from each request of "
        f"{' and '.join(sorted(unset))}, which behind a proxy is often another one; expected "
        "the URL that providers post to, up to the path that the proxy passes on",
    )


def _is_in_the_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}
