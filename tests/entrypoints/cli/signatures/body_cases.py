"""Captures whose form is not the signed one."""

import json
from dataclasses import replace
from urllib.parse import quote, quote_plus, urlencode

from tests.entrypoints.cli.signatures.captures import (
    ACCOUNT,
    FORM,
    PUBLIC,
    URL,
    Sent,
    curl,
    http_event,
    raw,
    sms,
    url_alone,
)
from tests.entrypoints.cli.signatures.case import (
    Case,
    nonempty,
    rewritten,
)

sent: Sent

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
        "the content type is there twice",
        raw(sms().having(accept=f"*/*\r\nContent-Type: {FORM}")),
        ("content_type",),
        None,
        PUBLIC,
    ),
    Case(
        "the account is there twice",
        raw((sent := sms()).carrying(sent.body + f"&AccountSid={ACCOUNT}".encode())),
        ("account_missing",),
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
