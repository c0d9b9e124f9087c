"""Requests of dead letters as pages show them: decoded, cut, and without secrets."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.entrypoints.http.api.clients import Api, running_locally
from tests.entrypoints.http.console.browsing import Visit, shown, visit
from tests.entrypoints.http.console.stored import FORM, SECRETS, stored


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.fixture(scope="module")
def visitor(desk: Api) -> Visit:
    return visit(desk)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"Body=Hi&api_key=sesame-2&note=Basic%20dXNlcjpwYXNz"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nHi\r\n'
            b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nsesame-2\r\n--x--\r\n',
        ),
        (
            "application/json",
            b'{"text": "Hi", "auth_token": "sesame-2", "n": "Basic dXNlcjpwYXNz"}',
        ),
    ],
)
def test_no_secret_is_shown(desk: Api, visitor: Visit, content_type: str, body: bytes) -> None:
    page = visitor.get(f"/dead-letters/{stored(desk, body, content_type)}")
    assert [secret for secret in SECRETS if secret.encode() in page.data] == []
    assert "lang=en" in shown(page)
    assert "Hi" in shown(page)


def test_secret_of_a_long_form_is_not_shown_in_its_raw_text(desk: Api, visitor: Visit) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
        + b"sesame-2 " * 20_000
        + b"\r\n--x--\r\n"
    )
    page = visitor.get(f"/dead-letters/{stored(desk, body, 'multipart/form-data; boundary=x')}")
    assert b"sesame-2" not in page.data
    assert "this form is long, and one of its fields is secret" in shown(page)


def test_files_are_named_with_their_size(desk: Api, visitor: Visit) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="attachment1"; filename="<b>.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n" + b"\x00\xff" * 1000 + b"\r\n--x--\r\n"
    )
    page = visitor.get(f"/dead-letters/{stored(desk, body, 'multipart/form-data; boundary=x')}")
    text = shown(page)
    assert "file <b>.pdf application/pdf, 2.0 kB" in text
    assert b"<b>" not in page.data


def test_fields_are_read_in_the_charsets_that_the_form_names(desk: Api, visitor: Visit) -> None:
    charsets = b'{"text": "iso-8859-1", "html": "utf-7", "subject": 7, "to": "base64"}'
    parts = (
        ("text", "Grüße".encode("latin-1")),
        ("html", b"half a pair: +2AA-"),
        ("subject", b"fine"),
        ("to", b"help"),
        ("charsets", charsets),
    )
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)
        for name, text in parts
    )
    found = stored(desk, body + b"--x--\r\n", "multipart/form-data; boundary=x")
    text = visitor.text(f"/dead-letters/{found}")
    assert "text Grüße html half a pair: ? subject fine to help" in text


def test_long_requests_are_cut(desk: Api, visitor: Visit) -> None:
    body = urlencode({"Body": "y" * 200_000}).encode()
    page = visitor.get(f"/dead-letters/{stored(desk, body)}")
    assert len(page.data) < 60_000
    assert "198,000 more characters" in shown(page)
    assert "180,005 more characters" in shown(page)


@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data; boundary=x", ";;", "\u00e9"])
def test_any_body_can_be_shown(desk: Api, visitor: Visit, content_type: str) -> None:
    bodies = [b"", b"\xff\xfe\x00%zz=%", b"=", b"&&&", b"--x--", b"\xed\xa0\x80=1"]
    for number, body in enumerate(bodies):
        found = stored(desk, body, content_type, number)
        assert visitor.get(f"/dead-letters/{found}").status == 200, body
