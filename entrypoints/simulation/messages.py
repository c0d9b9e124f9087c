"""What a simulated message needs beside its text: where it is posted, and who writes."""

from email.utils import parseaddr
from urllib.parse import urlsplit

from domain.channels import ChannelType
from infrastructure.configuration.settings import Settings


def public_url(url: str, settings: Settings, channel: ChannelType) -> str:
    """The URL that the provider signs for a webhook that is posted to our own ``url``."""
    if (whole := settings.webhook_urls.get(channel)) is not None:
        return whole
    if settings.public_base_url is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{settings.public_base_url}{parts.path}{query}"


def named_sender(channel: ChannelType, text: str) -> tuple[str | None, str]:
    """The name, where senders of the channel have one, and the address: ``Ana <ana@b.example>``."""
    name, address = parseaddr(text) if channel.rules.senders_have_names else ("", text)
    return name or None, address or text
