"""What each cause means and what to do about it, for SendGrid's webhooks."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from application.ports.signature_doctor import Cause
from infrastructure.channels.remedies import alternatives


class Words(NamedTuple):
    """What the sentences are about. Nothing here is secret."""

    method: str = ""
    path: str = ""
    signed_at: str = ""
    tolerance: str = ""


_BYTES: Final = (
    "Pass the body on byte for byte, as binary: let no middleware parse it or decode it as text "
    "before Frontdesk"
)
_BINARY: Final = (
    "API Gateway: add multipart/form-data to the binary media types, so that the event has the "
    "bytes as base64"
)
_KEY: Final = "SENDGRID_WEBHOOK_PUBLIC_KEY"

EXPLANATIONS: Final[Mapping[Cause, tuple[str, tuple[str, ...]]]] = {
    Cause.METHOD: (
        "This is a {method}, and SendGrid posts: something on the way redirects.",
        ("At SendGrid, enter the URL that does not redirect",),
    ),
    Cause.CHANNEL_PATH: (
        "The signature is right, but the path {path} names no channel: Frontdesk answers 404.",
        ("At SendGrid: end the URL with /webhooks/email",),
    ),
    Cause.NOT_A_MESSAGE: (
        "The signature is right, but this is JSON, and no mail: the Event Webhook, which tells "
        "what became of mail that was sent, has Frontdesk's URL.",
        ("At SendGrid, give the Event Webhook another URL",),
    ),
    Cause.SIGNATURE_MISSING: (
        "There is no header X-Twilio-Email-Event-Webhook-Signature: no security policy is attached "
        "to this parse setting, or something on the way removes the header.",
        (
            'Attach a security policy with "signature": {{"enabled": true}} to the parse setting',
            "Let the header through, at a CDN and at a gateway too",
            "Without signatures: set SENDGRID_BASIC_AUTH, and remove " + _KEY,
        ),
    ),
    Cause.SIGNATURE_RENAMED: (
        "The signature is in another header than X-Twilio-Email-Event-Webhook-Signature.",
        ("Pass the header on under its own name",),
    ),
    Cause.SIGNATURE_REPEATED: (
        "The signature header is there more than once.",
        ("Let only SendGrid set it",),
    ),
    Cause.SIGNATURE_ALTERED: (
        "The signature header was changed: quoted, escaped, or written with other characters.",
        ("Pass the header on unchanged",),
    ),
    Cause.TIMESTAMP_MISSING: (
        "There is no header X-Twilio-Email-Event-Webhook-Timestamp, which is signed too.",
        ("Let the header through, at a CDN and at a gateway too",),
    ),
    Cause.TIMESTAMP_ALTERED: (
        "The timestamp header was changed or renamed, and it is signed as SendGrid wrote it.",
        ("Pass the header X-Twilio-Email-Event-Webhook-Timestamp on unchanged",),
    ),
    Cause.CLOCK: (
        "The signature is right, but it was made at {signed_at}, more than {tolerance} from when "
        "the request came in: a wrong clock, or an old request that was sent again.",
        (
            "Set the clock of the server (timedatectl; an NTP service)",
            "For a longer time between signature and arrival: SENDGRID_TOLERANCE_SECONDS",
        ),
    ),
    Cause.LINE_BREAKS: (
        "The line breaks of the body are others than those signed (CR LF and LF), or one is "
        "missing at its end.",
        (_BYTES,),
    ),
    Cause.BODY_BASE64: (
        "The body is base64 of what SendGrid signed: a gateway has encoded it.",
        ("API Gateway: pass isBase64Encoded on with the event (proxy integration)", _BYTES),
    ),
    Cause.BODY_DECODED: (
        "The body was decoded as text on the way, and encoded again: mail has bytes that are no "
        "UTF-8, and the signature covers the bytes.",
        (_BINARY, _BYTES),
    ),
    Cause.BODY_REBUILT: (
        "The body was parsed and put together anew: it is not the multipart form that its "
        "Content-Type announces, and so not what SendGrid signed.",
        (_BYTES, "If only the capture is like that: capture the raw bytes"),
    ),
    Cause.BODY_MISSING: (
        "There is no body, and the signature covers it.",
        ("Pass the body on", "Capture again with it"),
    ),
    Cause.BODY_CUT: (
        "The body is shorter than its Content-Length: it was cut, on the way or by the capture.",
        (
            "Let the proxy pass bodies of 30 MB (nginx: 'client_max_body_size 32m;')",
            "Capture again",
        ),
    ),
    Cause.NO_SECRET: (
        "Neither a key nor a password for mail is configured: nothing is accepted.",
        (f"Set {_KEY}, or name a key to try with --secret",),
    ),
    Cause.OTHER_SECRET: (
        "The key that you gave has signed it, and it is not the configured one.",
        (f"Add that key to {_KEY}, separated by a comma from the present one",),
    ),
    Cause.SECRET_SPELLING: (
        "The key is right, but not written as SendGrid shows it: PEM lines, quotes or blanks stand "
        "around it.",
        (f"Write the bare base64 of the public key into {_KEY}",),
    ),
    Cause.BASIC_AUTH_MISSING: (
        "A password is configured, and the request has no Authorization header: the URL at "
        "SendGrid has no user:password@, or something on the way removes the header.",
        (
            "At SendGrid: https://user:password@host/webhooks/email",
            "Let the header Authorization through, at a CDN and at a gateway too",
        ),
    ),
    Cause.BASIC_AUTH_WRONG: (
        "The user or the password of the Authorization header is not a configured one.",
        ("Add the pair of the URL at SendGrid to SENDGRID_BASIC_AUTH",),
    ),
    Cause.BASIC_AUTH_SPELLING: (
        "The password is the configured one, but for how its special characters are written: in a "
        "URL they are escaped, and in the setting they are not.",
        ("Use only A to Z and digits in the password, in the URL and in SENDGRID_BASIC_AUTH",),
    ),
}
"""Every cause that the doctor of this provider names."""


def sentences(causes: Iterable[Cause], words: Words) -> str:
    """What the causes mean, a sentence for each."""
    return " ".join(EXPLANATIONS[cause][0].format(**words._asdict()) for cause in causes)


def remedies(causes: Iterable[Cause], words: Words, *, was_received: bool) -> tuple[str, ...]:
    """What to do about the causes: each is needed, and stands there once."""
    lines = (alternatives(EXPLANATIONS[cause][1], was_received=was_received) for cause in causes)
    return tuple(dict.fromkeys(line.format(**words._asdict()) for line in lines if line))
