"""``frontdesk send`` on Twilio's channels: its options, and the webhooks that it posts."""

import mimetypes
import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from domain.channels import ChannelType
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    Simulation,
    SimulationError,
    Webhooks,
    read_http_url,
)
from infrastructure.channels.twilio.simulator import Button, Location, Media, TwilioSimulator
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.development_secret import read_development_credentials
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.settings import Settings

MAX_LATITUDE = 90
MAX_LONGITUDE = 180

_BOTH = (ChannelType.WHATSAPP, ChannelType.SMS)
_WHATSAPP = (ChannelType.WHATSAPP,)
_MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


def _read_media(url: str) -> Media:
    """The file at ``url``, of the type that its name suggests; phones mostly send pictures."""
    content_type = mimetypes.guess_type(urlsplit(read_http_url(url)).path)[0]
    return Media(url, content_type or "image/jpeg")


def _read_button(text: str) -> Button:
    """``TEXT=PAYLOAD``; without a payload the text is sent back."""
    shown, separator, payload = text.partition("=")
    if not shown:
        raise ValueError("the button needs a text: TEXT or TEXT=PAYLOAD")
    return Button(shown, payload if separator else shown)


def _read_location(text: str) -> Location:
    """``LAT,LON`` or ``LAT,LON,LABEL``, in degrees."""
    latitude, _, rest = text.partition(",")
    longitude, _, label = rest.partition(",")
    try:
        place = Location(float(latitude), float(longitude), label=label)
    except ValueError:
        raise ValueError(f"{text!r} is no place like 52.52,13.40,Berlin") from None
    if not (abs(place.latitude) <= MAX_LATITUDE and abs(place.longitude) <= MAX_LONGITUDE):
        raise ValueError("latitude is -90 to 90, longitude -180 to 180")
    return place


class TwilioSimulation(Simulation):
    """WhatsApp and SMS as Twilio posts them."""

    options = (
        SendOption("--media", "A file at Twilio (repeatable).", _BOTH, _read_media, "URL",
                   is_repeatable=True, is_content=True),
        SendOption("--button", "The quick reply that was tapped.", _WHATSAPP, _read_button,
                   "TEXT[=PAYLOAD]", is_content=True),
        SendOption("--location", "A place that is shared.", _WHATSAPP, _read_location,
                   "LAT,LON[,LABEL]", is_content=True),
        SendOption("--profile-name", "What the sender calls themselves.", _WHATSAPP),
    )  # fmt: skip

    @override
    def webhooks(
        self, message: SimulatedMessage, settings: Settings, read_secret: ReadSecret
    ) -> Webhooks:
        if message.message_id and not _MESSAGE_SID.fullmatch(message.message_id):
            raise SimulationError("Twilio's ids are SM or MM and 32 hex digits", "--message-id")
        options: dict[str, Any] = dict(message.options)
        implied_body = options["button"].text if options["button"] else ""
        return partial(
            TwilioSimulator(*_credentials(settings, read_secret, message.recipient)).request,
            message.url,
            message.channel,
            sender=message.sender,
            recipient=message.recipient,
            body=implied_body if message.body is None else message.body,
            message_sid=message.message_id,
            tamper=message.tamper,
            **options,
        )


def _credentials(settings: Settings, read_secret: ReadSecret, recipient: str) -> tuple[str, str]:
    """The account of the recipient's company, and the token that signs for it."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return development.twilio_account_sid, development.twilio_auth_token
    accounts = read_provider_accounts(settings, read_secret)
    for account in accounts.twilio:
        if accounts.may_speak_for(recipient, account.account_sid):
            return account.account_sid, account.auth_tokens[0].get_secret_value()
    raise SimulationError(
        "real secrets are set, but no Twilio account for this recipient: "
        "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or unset the others"
    )
