"""What Twilio would send, signed as Twilio signs: for ``frontdesk send`` and for tests."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest


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
    address: str = ""
    label: str = ""


def _new_hex() -> str:
    return uuid.uuid4().hex


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
        external_user_id: str | None = None,
        reply_to_sid: str | None = None,
        messaging_service_sid: str | None = None,
        opt_out_type: str | None = None,
        tamper: bool = False,
        new_sid: Callable[[], str] = _new_hex,
    ) -> SimulatedRequest:
        """The webhook for one message, to be posted to ``url``.

        Addresses come without scheme. ``new_sid`` gives the 32 hex digits of ids that are not
        named. ``tamper`` makes the signature wrong, but keeps its form. Raises ``ValueError``
        for a channel that is not Twilio's.
        """
        prefix = _prefix(channel)
        is_mms = bool(media) and channel is ChannelType.SMS
        sid = message_sid or f"{'MM' if is_mms else 'SM'}{new_sid()}"
        fields = {
            **_core(sid, self.account_sid, body, media),
            "From": prefix + sender,
            "To": prefix + recipient,
        }
        if channel is ChannelType.SMS:
            fields |= _GEOGRAPHY
        else:
            context = _whatsapp_context(sender, profile_name, button)
            fields |= _whatsapp(context, _message_type(media, button, location))
        fields |= _given(
            MessagingServiceSid=messaging_service_sid,
            OptOutType=opt_out_type,
            ExternalUserId=prefix + external_user_id if external_user_id else None,
            OriginalRepliedMessageSid=reply_to_sid,
            OriginalRepliedMessageSender=prefix + recipient if reply_to_sid else None,
            **_place(location),
        )
        return self._signed(url, fields, str(uuid.UUID(new_sid())), tamper=tamper)

    def _signed(
        self, url: str, fields: dict[str, str], idempotency_token: str, *, tamper: bool
    ) -> SimulatedRequest:
        parts = urlsplit(url)
        signed_url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        signature: str = RequestValidator(self.auth_token).compute_signature(signed_url, fields)
        if tamper:
            signature = ("B" if signature.startswith("A") else "A") + signature[1:]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature,
            "I-Twilio-Idempotency-Token": idempotency_token,
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
        }
        body = urlencode(fields).encode("ascii")
        return SimulatedRequest(url, headers, body, fields["MessageSid"])


_PREFIXES = {ChannelType.SMS: "", ChannelType.WHATSAPP: "whatsapp:"}

# Twilio knows little about most numbers, and says so with empty values.
_GEOGRAPHY = {
    "FromCity": "SAN FRANCISCO",
    "FromState": "CA",
    "FromZip": "94103",
    "FromCountry": "US",
    "ToCity": "",
    "ToState": "",
    "ToZip": "",
    "ToCountry": "US",
}


def _prefix(channel: ChannelType) -> str:
    if channel not in _PREFIXES:
        raise ValueError(f"Twilio does not deliver {channel}")
    return _PREFIXES[channel]


def _core(sid: str, account_sid: str, body: str, media: Sequence[Media]) -> dict[str, str]:
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": account_sid,
        "Body": body,
        "NumMedia": str(len(media)),
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    for number, file in enumerate(media):
        fields |= {f"MediaUrl{number}": file.url, f"MediaContentType{number}": file.content_type}
    return fields


def _whatsapp_context(
    sender: str, profile_name: str | None, button: Button | None
) -> dict[str, str]:
    """What the form and ``ChannelMetadata`` both say. A hidden number leaves no ``WaId``."""
    return {
        "Forwarded": "false",
        "FrequentlyForwarded": "false",
        **_given(
            ProfileName=profile_name,
            WaId=sender.removeprefix("+") if sender.startswith("+") else None,
            ButtonText=button.text if button else None,
            ButtonPayload=button.payload if button else None,
        ),
    }


def _whatsapp(context: dict[str, str], message_type: str) -> dict[str, str]:
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


def _place(location: Location | None) -> dict[str, str | None]:
    if location is None:
        return {}
    return {
        "Latitude": str(location.latitude),
        "Longitude": str(location.longitude),
        "Address": location.address or None,
        "Label": location.label or None,
    }


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
