"""Requests of every kind to a server, with names, texts and secrets that are easily found."""

import base64
import socket
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER
from infrastructure.channels.twilio.simulator import Button, Location, Media
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import EMAIL, SMS, WHATSAPP
from tests.infrastructure.channels.sendgrid.webhooks import a_field

NUMBER, STRANGERS_NUMBER = "+14155557311", "+14155557322"
MAILBOX, STRANGERS_MAILBOX = "zora.quill@seedmail.example", "odo.brandt@seedmail.example"
KNOWN = {SMS: NUMBER, WHATSAPP: NUMBER, EMAIL: MAILBOX}
UNKNOWN = {SMS: STRANGERS_NUMBER, WHATSAPP: STRANGERS_NUMBER, EMAIL: STRANGERS_MAILBOX}
RECIPIENTS = {SMS: "+15005557333", WHATSAPP: "+15005557333", EMAIL: "inbox-tango@acme.example"}
NAME, PROFILE = "Zora Quillfeather", "Profile Quillfeather"
SUBJECT, BODY, QUERY = "Subject xylograph", "Body vermilion 4711", "query-tourmaline"
FILE_CONTENT, INVOICE = "content-cobalt", "invoice-saffron.pdf"
PASSWORD, API_KEY = "carmine:passphrase-ultramarine", "SG.key-malachite"
FILES = [(INVOICE, "application/pdf", FILE_CONTENT.encode())]
USER_IDS = {NUMBER: "US.73117311731173", STRANGERS_NUMBER: "US.73227322732273"}
MORE: dict[ChannelType, dict[str, Any]] = {
    SMS: {"media": [Media("https://media.example/umber.png", "image/png")]},
    WHATSAPP: {
        "profile_name": PROFILE,
        "button": Button("Button ochre", "payload_sienna"),
        "location": Location(52.512345, 13.454321, "Label indigo"),
    },
    EMAIL: {"subject": SUBJECT, "sender_name": NAME, "attachments": FILES},
}
SEEDS = (
    *(NUMBER, STRANGERS_NUMBER, MAILBOX, STRANGERS_MAILBOX, *set(RECIPIENTS.values())),
    *(NAME, PROFILE, SUBJECT, BODY, QUERY, FILE_CONTENT, INVOICE, PASSWORD, API_KEY),
    *("media.example/umber", *USER_IDS.values(), "Button ochre", "payload_sienna"),
    *("52.512345", "13.454321", "Street azure 7", "Label indigo"),
    *("4155557311", "4155557322", "zora.quill", "odo.brandt", "passphrase-ultramarine"),
)


@dataclass(frozen=True)
class Traffic:
    """Requests to the server at ``origin``; ``signatures`` records the signatures of all."""

    origin: str
    providers: Providers
    signatures: list[str]

    def webhook(self, channel: ChannelType, sender: str, **wanted: Any) -> SimulatedRequest:
        wanted = {"recipient": RECIPIENTS[channel], "body": BODY, **MORE[channel], **wanted}
        if channel is WHATSAPP:
            wanted["more"] = {
                "Address": "Street azure 7",
                "ExternalUserId": f"whatsapp:{USER_IDS[sender]}",
            }
        url = f"{self.origin}/webhooks/{channel}?token={QUERY}"
        return self.providers.webhook(url, channel, sender=sender, **wanted)

    def unreadable(self, channel: ChannelType) -> SimulatedRequest:
        url = f"{self.origin}/webhooks/{channel}?token={QUERY}"
        if channel is EMAIL:
            author = a_field("from", f"{NAME} <{NAME}>".encode())
            return self.providers.multipart_form(url, author, a_field("text", BODY.encode()))
        fields = {"AccountSid": self.providers.account_sid, "From": NUMBER, "Body": BODY}
        return self.providers.form(url, fields)

    def post(self, webhook: SimulatedRequest, method: str = "POST") -> int:
        """Post a webhook; return the status of the response."""
        password = base64.b64encode(PASSWORD.encode()).decode()
        headers = {**webhook.headers, "authorization": f"Basic {password}", "x-name": NAME}
        self.signatures.extend(
            value
            for name, value in headers.items()
            if name.lower() in {"x-twilio-signature", SIGNATURE_HEADER}
        )
        response = urllib3.request(
            method, webhook.url, body=webhook.body, headers=headers, retries=False, timeout=30
        )
        return response.status

    def statuses(self, channel: ChannelType) -> list[int]:
        """The statuses of one request of every kind that a channel may receive."""
        known = self.webhook(channel, KNOWN[channel])
        elsewhere = replace(known, url=f"{self.origin}/voice/{quote(BODY)}?token={QUERY}")
        webhooks = [
            known,
            known,
            self.webhook(channel, UNKNOWN[channel]),
            self.webhook(channel, UNKNOWN[channel], body=f"{BODY}, again"),
            self.webhook(channel, KNOWN[channel], tamper=True),
            self.unreadable(channel),
            self.webhook(channel, KNOWN[channel], body=BODY * 4000),
            elsewhere,
        ]
        return [*map(self.post, webhooks), self.post(known, "GET")]

    def break_the_protocol(self) -> None:
        """Send a line that is no request, an invalid host, and a body that ends early."""
        address = urlsplit(self.origin)
        text = quote(BODY)
        for request in (
            f"POST {text}\r\nnothing like a request\r\n\r\n",
            f"POST /sms?{text} HTTP/1.1\r\nhost: [{text}\r\ncontent-length: 0\r\n\r\n",
            f"POST /sms?{text} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n",
        ):
            with socket.create_connection((address.hostname, address.port), 10) as client:
                client.sendall(request.encode("ascii"))
                client.shutdown(socket.SHUT_WR)
                client.recv(1000)
