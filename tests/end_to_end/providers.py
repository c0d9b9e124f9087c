"""The Twilio and SendGrid accounts of one company, and the webhooks that they sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, sign
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from tests.builders import RECIPIENT, SENDER
from tests.infrastructure.channels.sendgrid.webhooks import Part, a_form, posted, public_key
from tests.infrastructure.channels.twilio.webhooks import FORM
from tests.infrastructure.channels.twilio.webhooks import sign as twilio_signature


@dataclass(frozen=True)
class Providers:
    """The secrets of a company's accounts."""

    account_sid: str
    auth_token: str
    mail_key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, credentials: DevelopmentCredentials) -> "Providers":
        """The development accounts of a server without real secrets."""
        return cls(
            credentials.twilio_account_sid,
            credentials.twilio_auth_token,
            credentials.sendgrid_private_key,
        )

    @classmethod
    def numbered(cls, number: int) -> "Providers":
        """Different accounts for each ``number``."""
        key = ec.derive_private_key(20260400 + number, ec.SECP256R1())
        return cls(f"AC{number:032x}", f"{number + 0xA0:032x}", key)

    @property
    def mail_public_key(self) -> str:
        """The public key of this company's mail webhooks, as SendGrid shows it."""
        return public_key(self.mail_key)

    def webhook(
        self,
        url: str,
        channel: ChannelType,
        *,
        sender: str | None = None,
        recipient: str | None = None,
        body: str = "Is my order on its way?",
        message_id: str | None = None,
        **more: Any,
    ) -> SimulatedRequest:
        """A signed webhook of one message; ``more`` are options of the channel's simulator."""
        wanted: dict[str, Any] = {
            "sender": sender or SENDER[channel],
            "recipient": recipient or RECIPIENT[channel],
            **more,
        }
        if channel is ChannelType.EMAIL:
            wanted = {"subject": "My order", "now": datetime.now(UTC), **wanted}
            simulator = SendgridSimulator(self.mail_key)
            return simulator.request(url, text=body, message_id=message_id, **wanted)
        twilio = TwilioSimulator(self.account_sid, self.auth_token)
        return twilio.request(url, channel, body=body, message_sid=message_id, **wanted)

    def form(self, url: str, fields: Mapping[str, str]) -> SimulatedRequest:
        """Any form, signed as Twilio signs."""
        body = urlencode(fields).encode("ascii")
        signature = twilio_signature(body, url, self.auth_token)
        return SimulatedRequest(url, {"content-type": FORM, "x-twilio-signature": signature}, body)

    def multipart_form(self, url: str, *parts: Part) -> SimulatedRequest:
        """Any multipart form, signed as SendGrid signs."""
        return self.multipart_body(url, a_form(*parts).body)

    def multipart_body(self, url: str, body: bytes) -> SimulatedRequest:
        """The bytes of a multipart form, signed as SendGrid signs."""
        boundary = body.partition(b"\r\n")[0].removeprefix(b"--").decode("latin-1")
        form = posted(body, boundary)
        timestamp = str(int(datetime.now(UTC).timestamp()))
        signature = sign(self.mail_key, timestamp, body)
        proof = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}
        return SimulatedRequest(url, {**dict(form.headers), **proof}, body)
