"""Any input to any entrypoint has a documented status within two seconds."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.channels.provider import SimulatedRequest
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, SHAPES, an_event
from tests.faults.fuzzed_frontdesk import (
    ACCOUNT_SID,
    BOUNDARY,
    ENVELOPE,
    FORM,
    FuzzedFrontDesk,
    fuzzed_frontdesk,
    mail_headers,
    multipart,
)
from tests.faults.in_process import HttpRequest
from tests.infrastructure.channels.sendgrid.test_properties import MIME
from tests.infrastructure.channels.twilio.test_properties import NAMES, VALUES

within_two_seconds = settings(
    max_examples=150,
    deadline=timedelta(seconds=2),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def frontdesk() -> Iterator[FuzzedFrontDesk]:
    with fuzzed_frontdesk() as opened:
        yield opened


ADDRESSES = st.text(max_size=30) | st.sampled_from(
    ["+14155550123", "whatsapp:+14155550123", "whatsapp:US.abc", "28849", "ACME", "rcs:agent"]
)
IDS = st.from_regex(r"(SM|MM)[0-9a-f]{32}", fullmatch=True)


@within_two_seconds
@given(sid=IDS, ends=st.tuples(ADDRESSES, ADDRESSES), more=st.lists(st.tuples(NAMES, VALUES)))
def test_signed_twilio_form_with_any_fields_is_acknowledged(
    frontdesk: FuzzedFrontDesk, sid: str, ends: tuple[str, str], more: list[tuple[str, str]]
) -> None:
    fields = [("MessageSid", sid), ("AccountSid", ACCOUNT_SID), ("From", ends[0]), ("To", ends[1])]
    assert frontdesk.post_form(urlencode([*fields, *more]).encode()) == 200


@within_two_seconds
@given(body=st.binary(max_size=300))
def test_form_of_any_bytes_is_refused(frontdesk: FuzzedFrontDesk, body: bytes) -> None:
    assert frontdesk.post_form(body) in {401, 413}


@within_two_seconds
@given(raw=MIME)
def test_signed_mail_of_any_mime_content_is_acknowledged(
    frontdesk: FuzzedFrontDesk, raw: bytes
) -> None:
    assert frontdesk.post_raw_mail(raw) == 200


FIELD_NAMES = st.sampled_from(
    [
        *("headers", "text", "html", "envelope", "charsets", "dkim", "SPF", "spam_score", "to"),
        *("attachment-info", "content-ids", "subject", "attachment1", "email", "from", "rawEmail"),
    ]
)
FIELDS = st.dictionaries(FIELD_NAMES, MIME | st.binary(max_size=60) | st.just(ENVELOPE), max_size=8)


@within_two_seconds
@given(fields=FIELDS)
def test_signed_mail_with_any_fields_is_acknowledged(
    frontdesk: FuzzedFrontDesk, fields: dict[str, bytes]
) -> None:
    assert frontdesk.post_multipart(multipart(**fields)) == 200


PIECES = st.sampled_from(
    [
        *(f"--{BOUNDARY}".encode(), f"--{BOUNDARY}\r\n".encode(), f"\r\n--{BOUNDARY}--".encode()),
        *(b"\r\n", b"\r\n\r\n", b"\n", b'"', b"; filename=", b"\xe9", b"\0", b": "),
        b'Content-Disposition: form-data; name="from"\r\n\r\nana@example.com',
        b'Content-Disposition: form-data; name="envelope"\r\n\r\n' + ENVELOPE,
        b"Content-Disposition: form-data; name*=utf-8''%00\r\n",
        b"Content-Type: text/plain; charset=utf-16\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
    ]
)


@within_two_seconds
@given(pieces=st.lists(PIECES | st.binary(max_size=20), max_size=25))
def test_signed_mail_with_any_multipart_body_is_acknowledged(
    frontdesk: FuzzedFrontDesk, pieces: list[bytes]
) -> None:
    assert frontdesk.post_multipart(b"".join(pieces)) == 200


HEADER_NAMES = st.sampled_from(
    [
        *("content-type", "transfer-encoding", "authorization", "host"),
        *("x-twilio-signature", "x-forwarded-host", "x-forwarded-proto", "expect", "x-any"),
        "x-twilio-email-event-webhook-signature",
        "x-twilio-email-event-webhook-timestamp",
    ]
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=60)
# The HTTP parser of the server refuses a length that is no number, and other bytes in a target.
LENGTHS = st.tuples(st.just("content-length"), st.integers(0, 10**18).map(str))
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
TARGETS = st.sampled_from(["/webhooks/sms", "/webhooks/email", "/", "/sms?", "//email", "/%"])


@within_two_seconds
@given(
    target=TARGETS | VISIBLE.map(lambda text: f"/{text}"),
    method=st.sampled_from(["POST", "GET", "OPTIONS", "PUT", "post", ""]),
    headers=st.lists(st.tuples(HEADER_NAMES, LATIN) | LENGTHS, max_size=6),
    host_and_body=st.tuples(LATIN, st.binary(max_size=60)),
)
def test_unsigned_http_request_of_any_form_is_not_acknowledged(
    frontdesk: FuzzedFrontDesk,
    target: str,
    method: str,
    headers: list[tuple[str, str]],
    host_and_body: tuple[str, bytes],
) -> None:
    host, body = host_and_body
    request = HttpRequest(target, body, tuple(headers), host=host, method=method)
    assert frontdesk.post(request) != 200


@within_two_seconds
@given(content_type=LATIN | LATIN.map(lambda text: f"multipart/form-data; boundary={text}"))
def test_signed_mail_with_any_content_type_is_acknowledged(
    frontdesk: FuzzedFrontDesk, content_type: str
) -> None:
    body = multipart(envelope=ENVELOPE, **{"from": b"ana@example.com"})
    headers = (("content-type", content_type), *mail_headers(body)[1:])
    assert frontdesk.post(HttpRequest("/webhooks/email", body, headers)) == 200


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KEYS = (
    *("body", "headers", "multiValueHeaders", "httpMethod", "path", "rawPath", "rawQueryString"),
    *("requestContext", "queryStringParameters", "multiValueQueryStringParameters"),
    *("isBase64Encoded", "version", "cookies"),
)


@within_two_seconds
@given(event=JSON | st.dictionaries(st.sampled_from(KEYS), JSON))
def test_lambda_event_of_any_form_is_refused(frontdesk: FuzzedFrontDesk, event: object) -> None:
    assert frontdesk.invoke(event) in {401, 404, 405}


@within_two_seconds
@given(shape=st.sampled_from(SHAPES), changes=st.dictionaries(st.sampled_from(KEYS), JSON))
def test_changed_lambda_event_is_not_acknowledged(
    frontdesk: FuzzedFrontDesk, shape: str, changes: dict[str, object]
) -> None:
    url = f"{PUBLIC_URLS[shape]}sms"
    event = an_event(shape, SimulatedRequest(url, {"Content-Type": FORM}, b"Body=Hi"))
    assert frontdesk.invoke({**event, **changes}) != 200


@within_two_seconds
@given(shape=st.sampled_from(SHAPES), raw=MIME)
def test_signed_mail_in_a_lambda_event_is_acknowledged(
    frontdesk: FuzzedFrontDesk, shape: str, raw: bytes
) -> None:
    body = multipart(email=raw, envelope=ENVELOPE)
    event = an_event(
        shape, SimulatedRequest(f"{PUBLIC_URLS[shape]}email", dict(mail_headers(body)), body)
    )
    assert base64.b64decode(event["body"]) == body
    assert frontdesk.invoke(event) == 200
