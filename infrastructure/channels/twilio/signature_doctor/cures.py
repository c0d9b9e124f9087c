"""The setting with which Frontdesk would check the URL that was signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from application.ports.signature_doctor import Capture
from domain.channels import ChannelType
from infrastructure.channels.provider import CheckedUrls, UrlSettings
from infrastructure.channels.twilio.signature_doctor.url_variations import Url
from infrastructure.channels.twilio.verification import signed_urls


class Cure(NamedTuple):
    """A variable and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FindCure:
    """Finds what to set. Each proposal is tried before it is made."""

    checked_urls: CheckedUrls
    settings: UrlSettings

    def checked(self, capture: Capture, channel: ChannelType | None) -> tuple[str, ...]:
        """What is checked with the present settings, in every form."""
        if capture.checked_urls:
            return _in_every_form(capture.checked_urls)
        return self._forms(capture, channel, self.settings)

    def variable(self, channel: ChannelType | None) -> str | None:
        """The setting that decides which URLs are checked; ``None`` if the request does."""
        if channel and self.settings.whole_url(channel):
            return f"{channel.upper()}_WEBHOOK_URL"
        return "PUBLIC_BASE_URL" if self.settings.base_url else None

    def __call__(self, capture: Capture, channel: ChannelType | None, signed: str) -> Cure | None:
        """The setting that makes ``signed`` one of the checked URLs; ``None`` without a channel."""
        url = Url.parse(signed).without_default_port
        for base in self._bases(url, capture):
            without_whole = UrlSettings(base_url=base)
            is_free = not self.settings.whole_url(channel)
            if is_free and url.text in self._forms(capture, channel, without_whole):
                return Cure("PUBLIC_BASE_URL", base)
        if channel is None:
            return None
        return Cure(f"{channel.upper()}_WEBHOOK_URL", url.text)

    def trusts_would_do(self, capture: Capture, channel: ChannelType | None, signed: str) -> bool:
        """Whether the forwarded headers of ``capture`` lead to ``signed`` if they are trusted."""
        trusting = UrlSettings(webhook_urls=self.settings.webhook_urls, trusts_forwarded=True)
        url = Url.parse(signed).without_default_port.text
        return url in self._forms(capture, channel, trusting)

    def _forms(
        self, capture: Capture, channel: ChannelType | None, settings: UrlSettings
    ) -> tuple[str, ...]:
        return _in_every_form(self.checked_urls(capture, channel, settings))

    @staticmethod
    def _bases(url: Url, capture: Capture) -> list[str]:
        """Origins with a path that stands before the path of ``capture``, or with none."""
        paths = [one for one in (capture.path, capture.path_without_stage) if one]
        before = [url.path[: -len(path)] for path in paths if url.path.endswith(path)]
        return [f"{url.origin}{prefix}".rstrip("/") for prefix in [*before, ""]]


def _in_every_form(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(zip(*map(signed_urls, urls), strict=True))))
