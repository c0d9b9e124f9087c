"""A doctor, and webhooks to be broken."""

from datetime import timedelta
from urllib.parse import urlsplit

from application.ports.signature_doctor import Capture
from domain.channels import ChannelType
from entrypoints.checked_urls import checked_urls
from infrastructure.channels.provider import DoctorTools, SimulatedRequest
from infrastructure.channels.twilio.signature_doctor.doctor import TwilioSignatureDoctor
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.settings import Settings, read_settings
from tests.builders import NOW, provider_accounts
from tests.infrastructure.channels.twilio.webhooks import an_account

ACCOUNT, TOKEN = "AC" + "7" * 32, "89abcdef" * 4


def a_doctor(settings: Settings | None = None) -> TwilioSignatureDoctor:
    """A doctor that knows one account."""
    return TwilioSignatureDoctor(
        DoctorTools(
            accounts=provider_accounts(an_account(TOKEN, account_sid=ACCOUNT)),
            settings=settings or read_settings({}),
            checked_urls=checked_urls,
            clock=lambda: NOW + timedelta(minutes=1),
        )
    )


def signed(url: str, body: str = "Hello there") -> SimulatedRequest:
    """A message that Twilio has signed for ``url``."""
    return TwilioSimulator(ACCOUNT, TOKEN).request(
        url, ChannelType.SMS, sender="+14155550123", recipient="+15005550006", body=body
    )


def captured(url: str, request: SimulatedRequest, body: bytes | None = None) -> Capture:
    """``request`` as it arrives at ``url``, perhaps with another body."""
    parts = urlsplit(url)
    return Capture(
        title="a capture",
        method="POST",
        origin=f"{parts.scheme}://{parts.netloc}",
        path=parts.path,
        queries=(parts.query,),
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
        body=request.body if body is None else body,
    )
