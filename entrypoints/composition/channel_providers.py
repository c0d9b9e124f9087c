"""Which provider serves which channel. A provider is imported when it is asked for."""

from collections.abc import Callable, Mapping
from typing import Final

from domain.channels import ChannelType
from infrastructure.channels.provider import Provider


def twilio() -> Provider:
    """Twilio."""
    from infrastructure.channels.twilio.provider import PROVIDER

    return PROVIDER


def sendgrid() -> Provider:
    """SendGrid."""
    from infrastructure.channels.sendgrid.provider import PROVIDER

    return PROVIDER


PROVIDERS: Final[Mapping[ChannelType, Callable[[], Provider]]] = {
    ChannelType.WHATSAPP: twilio,
    ChannelType.SMS: twilio,
    ChannelType.EMAIL: sendgrid,
}
