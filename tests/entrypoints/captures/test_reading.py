"""Captures of every form are read to the byte; what is none gets one clear line."""

import base64
import gzip
import json
import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.signature_doctor import Capture
from entrypoints.captures import reading
from entrypoints.captures.reading import read_captures
from entrypoints.captures.requests import CaptureError

FORM = "application/x-www-form-urlencoded"
URL = "https://hooks.acme.example/webhooks/sms?shop=7"


def read_one(text: str | bytes, body_file: bytes | None = None) -> Capture:
    """The only request of a capture."""
    content = text.encode() if isinstance(text, str) else text
    (capture,) = read_captures(content, body_file)
    return capture


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (f"curl {URL} --data-raw 'a=1&b=it'\\''s'", b"a=1&b=it's"),
        (f"$ curl -X POST '{URL}' -d a=1 --data b=2", b"a=1&b=2"),
        (f"curl '{URL}' --data-raw $'a=1\\nb=\\u00eb\\x41\\xc3\\xab'", "a=1\nb=ëAë".encode()),
        (f'curl "{URL}" \\\n  -H "X: \\"1\\"" \\\n  --data "a=\\$1"', b"a=$1"),
        (f"curl {URL.replace('&', '')} --data-urlencode 'a=b c&d' --data-urlencode '=x+y'",
         b"a=b%20c%26d&x%2By"),
        (f"curl --data-urlencode 'a b' {URL}", b"a%20b"),
        (f"curl {URL} --data-binary @- <<'EOF'\na=1&b=2\nEOF\n", b"a=1&b=2"),
        (f"curl {URL} --data-binary @- <<< 'a=1'", b"a=1"),
        (f"curl.exe ^\"{URL}^\" ^\r\n  --data-raw ^\"a=1^&b=2^\"", b"a=1&b=2"),
        (f"curl --json '{{\"a\": 1}}' {URL}", b'{"a": 1}'),
        (f"/usr/bin/curl -sSLk -o out --max-time 5 --compressed -d a=1 {URL} | jq .", b"a=1"),
        (f"curl -XPOST -da=1 {URL}", b"a=1"),
        (f"curl {URL} --data-raw ''", b""),
    ],
)  # fmt: skip
def test_body_of_a_curl_command_is_what_curl_would_send(command: str, body: bytes) -> None:
    capture = read_one(command)
    assert (capture.method, capture.path, capture.queries) == ("POST", "/webhooks/sms", ("shop=7",))
    assert capture.origin == "https://hooks.acme.example"
    assert capture.body == body


def test_headers_of_a_curl_command_are_those_that_curl_would_send() -> None:
    capture = read_one(
        f"curl {URL} -u ana:pass -A agent -e from -b c=1 -H 'X-Empty;' -H 'Host: other.example' "
        "-d a=1"
    )
    assert dict(capture.headers) == {
        "authorization": "Basic " + base64.b64encode(b"ana:pass").decode(),
        "user-agent": "agent",
        "referer": "from",
        "cookie": "c=1",
        "x-empty": "",
        "host": "other.example",
        "content-type": FORM,
    }
    assert capture.origin == "https://other.example"
    assert capture.hosts == ("hooks.acme.example",)


def test_get_options_of_curl_go_into_the_query() -> None:
    capture = read_one("curl -G 'https://a.example/sms?x=1' -d a=2 --data-urlencode 'b=c d'")
    assert (capture.method, capture.body) == ("GET", b"")
    assert capture.queries == ("x=1&a=2&b=c%20d",)


def test_file_that_a_curl_command_names_is_not_read_but_may_be_given() -> None:
    with pytest.raises(CaptureError, match="--body"):
        read_one(f"curl {URL} --data-binary @/etc/hostname")
    command = f"curl {URL} -H 'Content-Type: a/b' --data-binary @mail.bin"
    assert read_one(command, b"\xff\r\n").body == b"\xff\r\n"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_any_text_survives_the_quotes_of_a_shell(text: str) -> None:
    command = (
        f"curl {shlex.quote(URL)} -H 'Content-Type: text/plain' --data-raw {shlex.quote(text)}"
    )
    assert read_one(command).body == text.encode()


@given(st.binary(max_size=60))
def test_any_bytes_survive_ansi_quotes(body: bytes) -> None:
    escaped = "".join(f"\\x{byte:02x}" for byte in body)
    command = f"curl {URL} -H 'Content-Type: text/plain' --data-raw $'{escaped}'"
    assert read_one(command).body == body


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_raw_http_is_read_to_the_byte(newline: str) -> None:
    head = ("POST /webhooks/email HTTP/1.1", "Host: a.example:8443", "X-A: 1", "X-A: 2", "X-B: a",
            "  b", "", "")  # fmt: skip
    body = b"--b\r\n\r\n\xff\xfe \n\r\n--b--\r\n"
    capture = read_one(newline.join(head).encode() + body)
    assert capture.body == body
    assert capture.origin == "http://a.example:8443"
    assert capture.headers == (
        ("host", "a.example:8443"), ("x-a", "1"), ("x-a", "2"), ("x-b", "a b"),
    )  # fmt: skip


def test_head_of_http_2_is_read_as_the_tools_of_browsers_show_it() -> None:
    head = ":method: POST\n:authority: a.example\n:scheme: https\n:path: /sms?x=1\nx-a: 1\n\n"
    capture = read_one(f"{head}Body=Hi")
    assert (capture.method, capture.origin, capture.path) == ("POST", "https://a.example", "/sms")
    assert (capture.queries, capture.body) == (("x=1",), b"Body=Hi")


def test_line_break_that_an_editor_adds_is_no_part_of_a_form() -> None:
    text = f"POST /sms HTTP/1.1\nHost: a.example\nContent-Type: {FORM}\n\nBody=Hi\n"
    assert read_one(text).body == b"Body=Hi"
    text = "POST /email HTTP/1.1\nHost: a.example\nContent-Length: 4\n\nabc\r\n"
    assert read_one(text.replace("abc\r", "abcd\r")).body == b"abcd"


def test_chunks_of_raw_http_are_put_together() -> None:
    head = "POST /sms HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read_one(head + "3\r\nBod\r\n5;x\r\ny=Hi!\r\n0\r\n\r\n").body == b"Body=Hi!"
    assert read_one(head + "Body=Hi").body == b"Body=Hi"


def a_har(**data: object) -> str:
    entry = {"request": {"method": "POST", "url": URL, "headers": [], "postData": data}}
    return json.dumps({"log": {"entries": [entry, {}, {"request": {}}]}})


def test_har_gives_text_or_parameters_of_the_body() -> None:
    assert read_one(a_har(mimeType=FORM, text="Body=Zoë")).body == "Body=Zoë".encode()
    encoded = base64.b64encode(b"\xff").decode()
    assert read_one(a_har(mimeType="x/y", text=encoded, encoding="base64")).body == b"\xff"
    params = [{"name": "Body", "value": "a b+c"}, {"name": "To", "value": ""}]
    assert read_one(a_har(mimeType=FORM, params=params)).body == b"Body=a+b%2Bc&To="
    params = [{"name": "Body", "value": "a%20b"}]
    capture = read_one(a_har(mimeType=FORM, text="", params=params))
    assert capture.body == b"Body=a%20b"
    assert capture.flaw is not None


def test_inspector_of_ngrok_gives_its_raw_requests() -> None:
    raw = b"POST /sms HTTP/1.1\r\nHost: a.ngrok.example\r\n\r\nBody=Hi"
    entry = {"request": {"raw": base64.b64encode(raw).decode()}}
    assert [
        one.body for one in read_captures(json.dumps({"requests": [entry, entry]}).encode())
    ] == [
        b"Body=Hi",
        b"Body=Hi",
    ]
    assert read_one(json.dumps(entry)).origin == "http://a.ngrok.example"


def test_event_may_stand_in_a_list_or_in_a_log_line() -> None:
    event = {
        "requestContext": {"http": {"method": "POST"}, "domainName": "a.example"},
        "rawPath": "/sms",
        "rawQueryString": "",
        "headers": {},
        "body": "Body=Hi",
    }
    for value in (event, [event], {"event": event, "level": "INFO"}):
        assert read_one(json.dumps(value)).origin == "https://a.example"


def test_capture_in_utf_16_is_read() -> None:
    text = f"curl {URL} --data-raw Body=Hi"
    assert read_one(text.encode("utf-16")).body == b"Body=Hi"
    assert read_one(b"\xef\xbb\xbf" + text.encode()).body == b"Body=Hi"


HOSTILE = {
    "empty": b" \n",
    "binary": gzip.compress(b"x" * 1000),
    "prose": b"The signature was wrong yesterday.",
    "JSON of something else": b'{"a": 1}',
    "a number": b"[1, 2]",
    "damaged JSON": b'{"log": {"entries": [',
    "deep JSON": b"[" * 200_000,
    "a HAR file without requests": b'{"log": {"entries": []}}',
    "an open quote": b"curl 'https://a.example",
    "curl without a URL": b"curl -d a=1",
    "curl with an option without value": b"curl https://a.example -H",
    "no host": b"POST /sms HTTP/1.1\r\nX: 1\r\n\r\n",
    "endless headers": b"POST /sms HTTP/1.1\nHost: a\n" + b" b\n" * 200_000,
    "an endless URL": b"curl https://a.example/" + b"a/" * 10_000,
    "a here document without end": b"curl a.example -d @- <<EOF\n" + b"EO\n" * 1_000,
    "HTTP/2 without a path": b":method: POST\n:authority: a.example\n\n",
    "a broken header": b"POST /sms HTTP/1.1\r\nHost: a\r\nno header\r\n\r\n",
    "a body that is no base64": json.dumps(
        {"httpMethod": "POST", "headers": {}, "body": "%", "isBase64Encoded": True}
    ).encode(),
    "a body that is no text": json.dumps(
        {"httpMethod": "POST", "headers": {}, "body": {"a": 1}}
    ).encode(),
    "half of UTF-16": b"\xff\xfea",
    "fetch": b"await fetch('https://a.example', {method: 'POST'})",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_capture_gets_one_clear_line(content: bytes) -> None:
    with pytest.raises(CaptureError) as raised:
        read_captures(content)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200


def test_capture_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_CAPTURE_BYTES", 2**20)
    with pytest.raises(CaptureError, match="larger than 1 MiB"):
        read_captures(b"curl " + b"x" * 2**20)
    with pytest.raises(CaptureError, match="larger than 1 MiB"):
        read_captures(b"curl https://a.example -d @body", b"x" * (2**20 + 1))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (
        b"",
        b"POST /sms HTTP/1.1\nHost: a\n",
        b"curl ",
        b"{",
        b"curl https://a.example $'",
    ):
        with suppress(CaptureError):
            read_captures(start + content)
