"""Captures that were broken in a known way, with the cause that must be named."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import quote, quote_plus, urlencode

from tests.builders import NOW
from tests.entrypoints.cli.signature_captures import (
    ACCOUNT,
    KEY,
    MAIL,
    OTHER_ACCOUNT,
    OTHER_KEY,
    OTHER_TOKEN,
    PUBLIC,
    TOKEN,
    TWILIO,
    URL,
    Sent,
    balancer_event,
    curl,
    har,
    http_event,
    mail,
    public_key,
    raw,
    rest_event,
    sms,
    url_alone,
)

sent: Sent
INSIDE = "http://127.0.0.1:8000/webhooks/sms"
BASE = ("PUBLIC_BASE_URL", "https://hooks.acme.example")


@dataclass(frozen=True)
class Case:
    """A broken capture. ``setting`` is what must be advised, ``options`` go to the command."""

    how: str
    capture: bytes = field(repr=False)
    causes: tuple[str, ...]
    setting: tuple[str, str] | None = None
    environment: dict[str, str] = field(default_factory=lambda: TWILIO, repr=False)
    options: tuple[str, ...] = ()
    advice: str = ""


def rewritten(sent: Sent, *pairs: tuple[str, str]) -> Sent:
    """With the fields written again by another program, as ``pairs``."""
    return sent.carrying(urlencode(pairs).encode())


def nonempty(sent: Sent) -> Sent:
    return rewritten(sent, *(pair for pair in sent.fields if pair[1]))


def signature_of(sent: Sent) -> str:
    return sent.headers["X-Twilio-Signature"]


def twice(sent: Sent) -> bytes:
    """Raw HTTP with a second signature header, of another program."""
    line = f"X-Twilio-Signature: {signature_of(sent)}\r\n".encode()
    return raw(sent).replace(line, line + b"X-Twilio-Signature: " + b"A" * 27 + b"=\r\n")


def whole_url(value: str) -> tuple[str, str]:
    return ("SMS_WEBHOOK_URL", value)


URLS = (
    Case(
        "TLS ends at a proxy that keeps the host",
        raw(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("scheme",),
        BASE,
        advice="X-Forwarded-Proto $scheme",
    ),
    Case(
        "TLS ends at a proxy that says so, and is not trusted",
        raw(sms().at("http://hooks.acme.example/webhooks/sms").having(x_forwarded_proto="https")),
        ("scheme",),
        BASE,
        advice="TRUSTED_PROXIES",
    ),
    Case(
        "ngrok with a rewritten host header",
        raw(
            sms("https://a1b2.ngrok-free.example/webhooks/sms")
            .at(INSIDE)
            .having(
                x_forwarded_host="a1b2.ngrok-free.example",
                x_forwarded_proto="https",
            )
        ),
        ("scheme", "host"),
        ("PUBLIC_BASE_URL", "https://a1b2.ngrok-free.example"),
        advice="TRUSTED_PROXIES",
    ),
    Case(
        "a tunnel got a new name, and the setting has the old one",
        raw(
            sms("https://new.tunnel.example/webhooks/sms").at(
                "http://new.tunnel.example/webhooks/sms"
            )
        ),
        ("host",),
        ("PUBLIC_BASE_URL", "https://new.tunnel.example"),
        {**TWILIO, "PUBLIC_BASE_URL": "https://old.tunnel.example"},
        advice="or at Twilio, enter https://old.tunnel.example/webhooks/sms",
    ),
    Case(
        "the setting has http",
        curl(sms()),
        ("scheme",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "http://hooks.acme.example"},
    ),
    Case(
        "the public port is lost",
        raw(
            sms("https://hooks.acme.example:8443/webhooks/sms").at(
                "https://hooks.acme.example/webhooks/sms"
            )
        ),
        ("scheme", "port"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example:8443"),
    ),
    Case(
        "the port in the setting is another one",
        curl(sms("https://hooks.acme.example:8443/webhooks/sms")),
        ("port",),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example:8443"),
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example:9443"},
    ),
    Case(
        "a proxy takes a prefix away",
        raw(
            sms("https://hooks.acme.example/api/webhooks/sms").at(
                "http://hooks.acme.example/webhooks/sms"
            )
        ),
        ("scheme", "path_prefix_removed"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example/api"),
    ),
    Case(
        "a proxy takes an odd prefix away and notes it",
        raw(
            sms("https://hooks.acme.example/kundendienst/webhooks/sms")
            .at("http://hooks.acme.example/webhooks/sms")
            .having(x_forwarded_prefix="/kundendienst")
        ),
        ("scheme", "path_prefix_removed"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example/kundendienst"),
    ),
    Case(
        "the base path in the setting is one too many",
        raw(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("path_prefix_added",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example/api"},
    ),
    Case(
        "a custom domain hides the stage of a REST API",
        rest_event(
            sms("https://hooks.acme.example/webhooks/sms").at(
                "https://a1.execute-api.eu.example/prod/webhooks/sms"
            )
        ),
        ("path_prefix_added",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example/prod"},
    ),
    Case(
        "a CDN before a REST API replaces the host",
        rest_event(
            sms()
            .at("https://a1.execute-api.eu.example/prod/webhooks/sms")
            .having(x_forwarded_host="hooks.acme.example")
        ),
        ("host", "path_prefix_added"),
        BASE,
    ),
    Case(
        "a function URL behind a domain that only the Host header names",
        http_event(sms(), host="x1y2.lambda-url.eu.example"),
        ("host",),
        BASE,
    ),
    Case(
        "a balancer that speaks http",
        balancer_event(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("scheme",),
        BASE,
    ),
    Case(
        "a slash too many at Twilio",
        curl(sms(f"{URL}/").at(URL)),
        ("trailing_slash",),
        whole_url(f"{URL}/"),
        PUBLIC,
    ),
    Case(
        "a framework adds a slash",
        raw(sms().at("http://hooks.acme.example/webhooks/sms/")),
        ("trailing_slash",),
        whole_url(URL),
        PUBLIC,
    ),
    Case(
        "a proxy rewrites the path and notes the old one",
        raw(
            sms("https://hooks.acme.example/in/texts?shop=7")
            .at("http://hooks.acme.example/webhooks/sms")
            .having(x_original_uri="/in/texts?shop=7")
        ),
        ("path", "query_dropped"),
        whole_url("https://hooks.acme.example/in/texts?shop=7"),
        PUBLIC,
    ),
    Case(
        "the whole URL in the setting has another query",
        curl(sms(f"{URL}?shop=8")),
        ("query",),
        whole_url(f"{URL}?shop=8"),
        {**TWILIO, "SMS_WEBHOOK_URL": f"{URL}?shop=7"},
    ),
    Case(
        "a proxy drops the query, and the operator gives the URL",
        raw(sms(f"{URL}?shop=7").at(URL)),
        ("query_dropped",),
        whole_url(f"{URL}?shop=7"),
        PUBLIC,
        ("--url", f"{URL}?shop=7"),
    ),
    Case(
        "a proxy adds a parameter",
        raw(sms(f"{URL}?shop=7").at(f"{URL}?shop=7&trace=99")),
        ("query_added",),
        whole_url(f"{URL}?shop=7"),
        PUBLIC,
    ),
    Case(
        "a cache sorts the parameters",
        raw(sms(f"{URL}?z=1&a=2").at(f"{URL}?a=2&z=1")),
        ("query_order",),
        whole_url(f"{URL}?z=1&a=2"),
        PUBLIC,
    ),
    Case(
        "a plus in the query becomes %20",
        raw(sms(f"{URL}?name=Ana+Lopes").at(f"{URL}?name=Ana%20Lopes")),
        ("query_spelling",),
        whole_url(f"{URL}?name=Ana+Lopes"),
        PUBLIC,
    ),
    Case(
        "escapes of the query in lower case",
        raw(sms(f"{URL}?name=Zo%C3%AB").at(f"{URL}?name=Zo%c3%ab")),
        ("query_spelling",),
        whole_url(f"{URL}?name=Zo%C3%AB"),
        PUBLIC,
    ),
)

BODIES = (
    Case(
        "a program drops empty fields",
        raw(nonempty(sms())),
        ("empty_fields_dropped",),
        None,
        PUBLIC,
    ),
    Case(
        "a program trims values",
        curl(rewritten(sent := sms(body="Hello "), *((n, v.strip()) for n, v in sent.fields))),
        ("trimmed_values",),
    ),
    Case(
        "a program drops empty fields and trims values",
        curl(nonempty(sms(body="Hello\n").saying(b"Hello%0A", b"Hello"))),
        ("trimmed_values", "empty_fields_dropped"),
    ),
    Case(
        "plus signs are written unescaped",
        raw(sms(body="1+1=2").saying(b"%2B", b"+")),
        ("plus_signs",),
        None,
        PUBLIC,
    ),
    Case(
        "plus signs of numbers became blanks",
        raw(sms(body="Hello you").saying(b"%2B", b"%20")),
        ("plus_signs",),
        None,
        PUBLIC,
    ),
    Case(
        "the form is encoded twice",
        raw(
            (sent := sms()).carrying(
                "&".join(f"{quote(n)}={quote_plus(quote_plus(v))}" for n, v in sent.fields).encode()
            )
        ),
        ("double_encoding",),
        None,
        PUBLIC,
    ),
    Case(
        "the form is written in Latin-1",
        raw((sent := sms()).carrying(urlencode(sent.fields, encoding="latin-1").encode())),
        ("charset",),
        None,
        PUBLIC,
    ),
    Case(
        "UTF-8 was read as Windows-1252 and written as UTF-8",
        raw(
            (sent := sms(body="10 € für Zoë")).carrying(
                urlencode([(n, v.encode().decode("cp1252")) for n, v in sent.fields]).encode()
            )
        ),
        ("charset",),
        None,
        PUBLIC,
    ),
    Case(
        "line feeds became CR LF",
        raw(sms(body="one\ntwo").saying(b"one%0Atwo", b"one%0D%0Atwo")),
        ("line_breaks",),
        None,
        PUBLIC,
    ),
    Case(
        "a filter escapes HTML",
        raw(
            sms(body='Tom & "Ann"').saying(
                b"Tom+%26+%22Ann%22", b"Tom+%26amp%3B+%26quot%3BAnn%26quot%3B"
            )
        ),
        ("escaped_values",),
        None,
        PUBLIC,
    ),
    Case(
        "a gateway passes base64 on without its mark",
        http_event(sms(), marked=False),
        ("body_base64",),
    ),
    Case(
        "a mapping template makes JSON of the form",
        raw((sent := sms()).carrying(json.dumps(dict(sent.fields)).encode(), "application/json")),
        ("body_to_json",),
        None,
        PUBLIC,
    ),
    Case(
        "a form posted with curl -F",
        b"curl https://hooks.acme.example/webhooks/sms -H 'X-Twilio-Signature: "
        + (sent := sms(body="Hello")).headers["X-Twilio-Signature"].encode()
        + b"' "
        + " ".join(f"-F '{n}={v}'" for n, v in sent.fields).encode(),
        ("body_to_multipart",),
    ),
    Case(
        "a router adds a field of the query to the form",
        raw((sent := sms(f"{URL}?shop=7")).carrying(sent.body + b"&shop=7")),
        ("fields_added",),
        None,
        PUBLIC,
    ),
    Case(
        "a framework writes the names of fields in lower case",
        raw(rewritten(sent := sms(), *((n.lower(), v) for n, v in sent.fields))),
        ("field_names",),
        None,
        PUBLIC,
    ),
    Case(
        "a redirect made GET of POST",
        raw(replace(sms(), method="GET", body=b"")),
        ("method",),
        None,
        PUBLIC,
        advice="does not redirect",
    ),
    Case(
        "the webhook is set to GET at Twilio",
        raw(url_alone(f"{URL}?From=%2B14155550123&AccountSid={ACCOUNT}")),
        ("method",),
        None,
        PUBLIC,
    ),
    Case(
        "a webhook with JSON of another product of Twilio",
        raw(
            replace(
                url_alone(f"{URL}?bodySHA256={'0' * 64}"), method="POST", body=b'[{"data": {}}]'
            ).having(content_type="application/json")
        ),
        ("not_a_message",),
        None,
        PUBLIC,
    ),
    Case(
        "the content type was replaced",
        raw(sms().having(content_type="text/plain")),
        ("content_type",),
        None,
        PUBLIC,
    ),
    Case(
        "more fields than Twilio sends",
        raw((sent := sms()).carrying(sent.body + b"&a=b" * 500)),
        ("body_too_large",),
        None,
        PUBLIC,
    ),
    Case(
        "the body is cut",
        raw((sent := sms()).having(content_length=str(len(sent.body))).carrying(sent.body[:200])),
        ("body_cut",),
        None,
        PUBLIC,
    ),
)

SECRETS = (
    Case(
        "an older token, which the operator gives",
        curl(sms(token=OTHER_TOKEN)),
        ("other_secret",),
        environment={**PUBLIC, "OLD_TOKEN": OTHER_TOKEN},
        options=("--secret", "env:OLD_TOKEN"),
        advice="TWILIO_AUTH_TOKEN",
    ),
    Case(
        "quotes around the token in an env file",
        curl(sms()),
        ("secret_spelling",),
        environment={**PUBLIC, "TWILIO_AUTH_TOKEN": f'"{TOKEN}"'},
        advice="Docker",
    ),
    Case(
        "the name of the token was copied with it",
        curl(sms()),
        ("secret_spelling",),
        environment={**PUBLIC, "TWILIO_AUTH_TOKEN": f"AUTH_TOKEN={TOKEN}"},
    ),
    Case(
        "the token of another account",
        curl(sms(account=OTHER_ACCOUNT)),
        ("other_account",),
        environment=PUBLIC,
        advice=OTHER_ACCOUNT,
    ),
    Case(
        "a subaccount that is not configured",
        curl(sms(account=OTHER_ACCOUNT, token=OTHER_TOKEN)),
        ("account_unknown",),
        environment=PUBLIC,
        advice=OTHER_ACCOUNT,
    ),
    Case(
        "a subaccount whose token the operator gives",
        curl(sms(account=OTHER_ACCOUNT, token=OTHER_TOKEN)),
        ("account_unknown",),
        environment={**PUBLIC, "OLD_TOKEN": OTHER_TOKEN},
        options=("--secret", "env:OLD_TOKEN"),
    ),
    Case(
        "a proxy removes the header",
        raw(sms().without("x-twilio-signature")),
        ("signature_missing",),
        None,
        PUBLIC,
    ),
    Case(
        "a gateway renames the header",
        raw((sent := sms()).without("x-twilio-signature").having(x_tw_sig=signature_of(sent))),
        ("signature_renamed",),
        None,
        PUBLIC,
        advice="x-tw-sig",
    ),
    Case("two signature headers", twice(sms()), ("signature_repeated",), None, PUBLIC),
    Case(
        "a signature that lost its equals sign",
        raw((sent := sms()).having(x_twilio_signature=signature_of(sent).rstrip("="))),
        ("signature_altered",),
        None,
        PUBLIC,
    ),
    Case("no token is configured", curl(sms()), ("no_secret",), environment={}),
    Case(
        "no channel in the path",
        curl(sms("https://hooks.acme.example/texts")),
        ("channel_path",),
    ),
)

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

CASES = (*URLS, *BODIES, *SECRETS, *MAILS)
