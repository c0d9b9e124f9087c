"""Captures of mail that are not as they were signed."""

import re
from datetime import timedelta

from tests.builders import NOW
from tests.entrypoints.cli.signatures.captures import (
    KEY,
    MAIL,
    OTHER_KEY,
    Sent,
    har,
    http_event,
    mail,
    public_key,
    raw,
)
from tests.entrypoints.cli.signatures.case import (
    Case,
)

sent: Sent

MAILS = (
    Case(
        "line feeds instead of CR LF",
        har((sent := mail()).carrying(sent.body.replace(b"\r\n", b"\n"))),
        ("line_breaks",),
        environment=MAIL,
    ),
    Case(
        "bytes that were read as Latin-1 and written as UTF-8",
        har((sent := mail()).carrying(sent.body.decode("latin-1").encode())),
        ("body_decoded",),
        environment=MAIL,
    ),
    Case(
        "bytes that were read as UTF-8",
        har((sent := mail()).carrying(sent.body.decode("utf-8", "replace").encode())),
        ("body_decoded",),
        environment=MAIL,
        advice="binary media types",
    ),
    Case(
        "base64 without its mark",
        http_event(mail(), marked=False),
        ("body_base64",),
        environment=MAIL,
    ),
    Case(
        "a form that was parsed and written anew",
        har((sent := mail()).carrying(re.sub(rb"xYzZY\w+", b"anew", sent.body))),
        ("body_rebuilt",),
        environment=MAIL,
    ),
    Case(
        "a mail that is cut",
        raw((sent := mail()).having(content_length=str(len(sent.body))).carrying(sent.body[:400])),
        ("body_cut",),
        environment=MAIL,
    ),
    Case(
        "no security policy",
        har(mail(key=None)),
        ("signature_missing", "timestamp_missing"),
        environment=MAIL,
        advice="security policy",
    ),
    Case(
        "a proxy removes the time",
        har(mail().without("x-twilio-email-event-webhook-timestamp")),
        ("timestamp_missing",),
        environment=MAIL,
    ),
    Case(
        "an old request that is sent again",
        har(mail(now=NOW - timedelta(days=5))),
        ("clock",),
        environment=MAIL,
        advice="SENDGRID_TOLERANCE_SECONDS",
    ),
    Case(
        "another key, which the operator gives",
        har(mail(key=OTHER_KEY)),
        ("other_secret",),
        environment={**MAIL, "OTHER_KEY": public_key(OTHER_KEY)},
        options=("--secret", "env:OTHER_KEY"),
    ),
    Case(
        "a key with the lines of PEM",
        har(mail()),
        ("secret_spelling",),
        environment={
            "PEM": f"-----BEGIN PUBLIC KEY-----\n{public_key(KEY)}\n-----END PUBLIC KEY-----"
        },
        options=("--secret", "env:PEM"),
    ),
    Case(
        "no password in the URL",
        har(mail(key=None)),
        ("basic_auth_missing",),
        environment={"SENDGRID_BASIC_AUTH": "frontdesk:p@ss"},
        advice="user:password@",
    ),
    Case(
        "another password",
        har(mail(key=None, basic_auth="frontdesk:other")),
        ("basic_auth_wrong",),
        environment={"SENDGRID_BASIC_AUTH": "frontdesk:p@ss"},
    ),
    Case(
        "a password that is still escaped",
        har(mail(key=None, basic_auth="frontdesk:p%40ss")),
        ("basic_auth_spelling",),
        environment={"SENDGRID_BASIC_AUTH": "frontdesk:p@ss"},
    ),
)
