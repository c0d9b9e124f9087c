"""Twilio as ``frontdesk send`` and tests play it: its form, signed as Twilio signs."""

import json
import mimetypes
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from typing_extensions import override

from domain.channels import ChannelType
from infrastructure.channels.provider import (
    SendOption,
    SimulatedMessage,
    SimulatedRequest,
    Simulation,
    SimulationError,
    Webhooks,
    read_http_url,
)
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.secrets.development_secret import read_development_credentials
from infrastructure.configuration.secrets.secret_references import ReadSecret
from infrastructure.configuration.settings import Settings

_BOTH = (ChannelType.WHATSAPP, ChannelType.SMS)
_WHATSAPP = (ChannelType.WHATSAPP,)
_MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


class Media(NamedTuple):
    """A file that Twilio holds for the message."""

    url: str
    content_type: str


class Button(NamedTuple):
    """The quick reply that was tapped."""

    text: str
    payload: str


class Location(NamedTuple):
    """A place that was shared."""

    latitude: float
    longitude: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class TwilioSimulator:
    """Twilio, as far as one account's incoming messages go."""

    account_sid: str
    auth_token: str = field(repr=False)

    def request(
        self,
        url: str,
        channel: ChannelType,
        *,
        sender: str,
        recipient: str,
        body: str,
        message_sid: str | None = None,
        media: Sequence[Media] = (),
        button: Button | None = None,
        location: Location | None = None,
        profile_name: str | None = None,
        more: Mapping[str, str] | None = None,
        tamper: bool = False,
    ) -> SimulatedRequest:
        """The webhook for one message, to be posted to ``url``.

        Addresses come without scheme. ``more`` are further fields of the form. ``tamper`` makes
        the signature wrong, but keeps its form.
        """
        prefix, is_sms = channel.rules.scheme, channel is ChannelType.SMS
        sid = message_sid or f"{'MM' if media and is_sms else 'SM'}{uuid.uuid4().hex}"
        fields = {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "NumMedia": str(len(media)),
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
            "AccountSid": self.account_sid,
            "Body": body,
            "From": prefix + sender,
            "To": prefix + recipient,
        }
        for number, file in enumerate(media):
            fields[f"MediaUrl{number}"] = file.url
            fields[f"MediaContentType{number}"] = file.content_type
        message_type = _message_type(media, button, location)
        fields |= _GEOGRAPHY if is_sms else _whatsapp(sender, profile_name, button, message_type)
        if location:
            fields |= {"Latitude": str(location.latitude), "Longitude": str(location.longitude)}
            fields |= {"Label": location.label} if location.label else {}
        fields |= more or {}
        return self._signed(url, fields, tamper=tamper)

    def status_callback(self, url: str, channel: ChannelType) -> SimulatedRequest:
        """What tells that a message was delivered, of a message that never was."""
        sid, address = f"SM{uuid.uuid4().hex}", f"{channel.rules.scheme}{_NO_NUMBER}"
        fields = {
            "MessageSid": sid,
            "SmsSid": sid,
            "MessageStatus": "delivered",
            "SmsStatus": "delivered",
            "ApiVersion": "2010-04-01",
            "AccountSid": self.account_sid,
            "From": address,
            "To": address,
        }
        return self._signed(url, fields)

    def _signed(
        self, url: str, fields: dict[str, str], *, tamper: bool = False
    ) -> SimulatedRequest:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": self._signature(url, fields, tamper=tamper),
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
        }
        body = urlencode(fields).encode("ascii")
        return SimulatedRequest(url, headers, body, fields["MessageSid"])

    def _signature(self, url: str, fields: dict[str, str], *, tamper: bool) -> str:
        parts = urlsplit(url)
        signed_url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        signature: str = RequestValidator(self.auth_token).compute_signature(signed_url, fields)
        return ("B" if signature.startswith("A") else "A") + signature[1:] if tamper else signature


_NO_NUMBER = "+15005550006"
"""One of Twilio's magic numbers, which belong to no customer."""

# Twilio knows little about most numbers, and says so with empty values.
_GEOGRAPHY = dict.fromkeys(("ToCity", "ToState", "ToZip"), "") | {
    "FromCity": "SAN FRANCISCO",
    "FromState": "CA",
    "FromZip": "94103",
    "FromCountry": "US",
    "ToCountry": "US",
}


def _whatsapp(
    sender: str, profile_name: str | None, button: Button | None, message_type: str
) -> dict[str, str]:
    """What only a message on WhatsApp says. A hidden number leaves no ``WaId``."""
    values = {
        "Forwarded": "false",
        "FrequentlyForwarded": "false",
        "ProfileName": profile_name,
        "WaId": sender.removeprefix("+") if sender.startswith("+") else None,
        "ButtonText": button.text if button else None,
        "ButtonPayload": button.payload if button else None,
    }
    context = {name: value for name, value in values.items() if value is not None}
    metadata = {"type": "whatsapp", "data": {"context": context}}
    return {
        **context,
        "MessageType": message_type,
        "ReferralNumMedia": "0",
        "ChannelMetadata": json.dumps(metadata, separators=(",", ":"), ensure_ascii=False),
    }


def _message_type(media: Sequence[Media], button: Button | None, location: Location | None) -> str:
    if media:
        return media[0].content_type.partition("/")[0]
    if button:
        return "interactive"
    return "location" if location else "text"


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
    if not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):  # noqa: PLR2004 - degrees
        raise ValueError("latitude is -90 to 90, longitude -180 to 180")
    return place


class TwilioSimulation(Simulation):
    """WhatsApp and SMS as Twilio posts them."""

    options = (
        SendOption("--media", "A file at Twilio (repeatable).", _BOTH, _read_media, "URL",
                   is_repeatable=True, is_content=True, title="Picture or file",
                   example="https://media.example.com/receipt.jpg"),
        SendOption("--button", "The quick reply that was tapped.", _WHATSAPP, _read_button,
                   "TEXT[=PAYLOAD]", is_content=True, title="Button reply",
                   example="Yes, please=confirm-order-42"),
        SendOption("--location", "A place that is shared.", _WHATSAPP, _read_location,
                   "LAT,LON[,LABEL]", is_content=True, example="52.52,13.40,Berlin"),
        SendOption("--profile-name", "What the sender calls themselves.", _WHATSAPP,
                   example="Ana"),
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
            _simulator(settings, read_secret, message.recipient).request,
            message.url,
            message.channel,
            sender=message.sender,
            recipient=message.recipient,
            body=implied_body if message.body is None else message.body,
            message_sid=message.message_id,
            tamper=message.tamper,
            **options,
        )


def _simulator(settings: Settings, read_secret: ReadSecret, recipient: str) -> TwilioSimulator:
    """With the account of the recipient's company, and the token that signs for it."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return TwilioSimulator(development.twilio_account_sid, development.twilio_auth_token)
    accounts = read_provider_accounts(settings, read_secret)
    for account in accounts.twilio:
        if accounts.may_speak_for(recipient, account.account_sid):
            return TwilioSimulator(account.account_sid, account.auth_tokens[0].get_secret_value())
    raise SimulationError(
        "real secrets are set, but no Twilio account for this recipient: "
        "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or unset the others"
    )
