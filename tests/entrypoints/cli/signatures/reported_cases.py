"""Shapes that users of Twilio and SendGrid have reported in public, with invented data."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

from infrastructure.channels.sendgrid.simulator import sign
from tests.builders import NOW
from tests.entrypoints.cli.signatures.captures import (
    ACCOUNT,
    KEY,
    MAIL,
    MAIL_URL,
    OTHER_ACCOUNT,
    PUBLIC,
    TOKEN,
    TWILIO,
    URL,
    Sent,
    curl,
    har,
    raw,
    sms,
    url_alone,
)
from tests.entrypoints.cli.signatures.case import BASE, Case, whole_url

sent: Sent
FUNCTION = "https://us-east9-acme.functions.example"
HASH = "5" * 64


def signed_as_encoded(url: str) -> Sent:
    """A webhook of a test tool that signs the fields as they stand in the body."""
    message = sms(url)
    pairs = sorted(pair.split("=", 1) for pair in message.body.decode().split("&"))
    text = url + "".join(name + value for name, value in pairs)
    digest = hmac.digest(TOKEN.encode(), text.encode(), hashlib.sha1)
    return message.having(x_twilio_signature=base64.b64encode(digest).decode())


def event_webhook() -> Sent:
    """What SendGrid's Event Webhook posts: what became of mails that were sent."""
    body = json.dumps([{"email": "ana@example.com", "event": "delivered"}]).encode() + b"\r\n"
    stamp = str(int(NOW.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "X-Twilio-Email-Event-Webhook-Signature": sign(KEY, stamp, body),
    }
    return Sent(MAIL_URL, headers, body)


REPORTED = (
    # https://github.com/twilio/twilio-php/issues/861
    Case(
        "a status callback by GET whose bodySHA256 arrives twice",
        raw(
            url_alone(f"{URL}?bodySHA256={HASH}&AccountSid={ACCOUNT}&Reason=").at(
                f"{URL}?bodySHA256={HASH}&bodySHA256={HASH}&AccountSid={ACCOUNT}&Reason="
            )
        ),
        ("query_added", "method"),
        whole_url(f"{URL}?bodySHA256={HASH}&AccountSid={ACCOUNT}&Reason="),
        PUBLIC,
    ),
    # https://github.com/twilio/twilio-php/issues/458
    Case(
        "typographic quotes in the JSON of a field",
        raw(
            (sent := sms(more={"AddOns": '{"status":"successful","results":{}}'})).carrying(
                urlencode(
                    [
                        (n, v if n != "AddOns" else "{“status”:“successful”,“results”:{}}")
                        for n, v in sent.fields
                    ]
                ).encode()
            )
        ),
        ("escaped_values",),
        None,
        PUBLIC,
    ),
    # https://github.com/twilio/twilio-php/issues/436
    Case(
        "a framework's JSON with null for empty fields, of a subaccount",
        raw(
            (sent := sms(account=OTHER_ACCOUNT)).carrying(
                json.dumps({n: v or None for n, v in sent.fields}).encode(), "application/json"
            )
        ),
        ("body_to_json", "other_account"),
        None,
        PUBLIC,
        advice=OTHER_ACCOUNT,
    ),
    # https://github.com/twilio/twilio-node/issues/145
    Case(
        "the question mark is escaped and part of the path",
        raw(sms(f"{URL}?shop=7").at(f"{URL}%3Fshop=7")),
        ("path", "query_dropped"),
        None,
        PUBLIC,
    ),
    # https://github.com/twilio/twilio-ruby/issues/528
    Case(
        "a GET with an apostrophe, which is signed as it is and sent escaped",
        raw(
            url_alone(f"{URL}?AccountSid={ACCOUNT}&Body=it's").at(
                f"{URL}?AccountSid={ACCOUNT}&Body=it%27s"
            )
        ),
        ("method",),
        None,
        PUBLIC,
    ),
    # https://github.com/twilio/twilio-node/issues/753
    Case(
        "a platform takes the function's name from the path",
        raw(
            sms(f"{FUNCTION}/inboundTexts/webhooks/sms").at(
                f"{FUNCTION}/webhooks/sms".replace("https", "http")
            )
        ),
        ("scheme", "path_prefix_removed"),
        ("PUBLIC_BASE_URL", f"{FUNCTION}/inboundTexts"),
        TWILIO,
        ("--url", f"{FUNCTION}/inboundTexts/webhooks/sms"),
    ),
    # https://github.com/twilio/twilio-node/issues/924
    Case(
        "the host has capital letters at Twilio, and arrives without",
        raw(
            sms("https://FrontDesk.Acme.example/webhooks/sms").at(
                "http://frontdesk.acme.example/webhooks/sms"
            )
        ),
        ("scheme", "host"),
        ("PUBLIC_BASE_URL", "https://FrontDesk.Acme.example"),
        TWILIO,
        ("--url", "https://FrontDesk.Acme.example/webhooks/sms"),
    ),
    # https://github.com/bmlt-enabled/yap/issues/1589
    Case(
        "a trusted proxy forwards the name of an inner host",
        raw(sms().at(URL).having(x_forwarded_host="inner.local", x_forwarded_proto="https")),
        ("host",),
        BASE,
        {**TWILIO, "TRUSTED_PROXIES": "10.0.0.0/8"},
    ),
    # https://scottswezey.com/2021/01/25/reverse-engineering-x-twilio-signature/
    Case(
        "a test tool signs the fields as they are encoded",
        curl(signed_as_encoded(URL)),
        ("signed_otherwise",),
        None,
        PUBLIC,
    ),
    # https://github.com/sendgrid/sendgrid-nodejs/issues/1411
    Case(
        "the Event Webhook has the address of the parse setting",
        har(event_webhook()),
        ("not_a_message",),
        environment=MAIL,
    ),
)
