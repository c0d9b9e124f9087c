"""The URL that the provider signed, with and without proxies before the server."""

import ipaddress
from typing import Any

import pytest

from entrypoints.http.public_url import PublicUrl

PROXY = (ipaddress.ip_network("10.0.0.0/8"),)


def a_scope(client: str | None = "198.51.100.7", **headers: str) -> dict[str, Any]:
    pairs = {"host": "internal:8000", **headers}
    return {
        "type": "http",
        "scheme": "http",
        "path": "/webhooks/sms",
        "raw_path": b"/webhooks/s%6ds/",
        "query_string": b"a=1&b=%20",
        "client": (client, 1234) if client else None,
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in pairs.items()
        ],
    }


TARGET = "/webhooks/s%6ds/?a=1&b=%20"


def test_configured_base_url_overrides_all_request_headers() -> None:
    url = PublicUrl("https://hooks.example", PROXY)
    scope = a_scope("10.1.1.1", host="evil.example", x_forwarded_host="evil.example")
    assert url.of(scope) == "https://hooks.example" + TARGET


def test_request_url_is_used_without_a_configured_base_url() -> None:
    assert PublicUrl(None).of(a_scope()) == "http://internal:8000" + TARGET


def test_public_url_of_a_request_without_query_has_no_question_mark() -> None:
    scope = {**a_scope(), "query_string": b"", "raw_path": None}
    assert PublicUrl(None).of(scope) == "http://internal:8000/webhooks/sms"


@pytest.mark.parametrize("client", ["198.51.100.7", None, "unix"])
def test_forwarded_headers_from_an_untrusted_client_are_ignored(client: str | None) -> None:
    scope = a_scope(client, x_forwarded_host="evil.example", x_forwarded_proto="https")
    assert PublicUrl(None, PROXY).of(scope) == "http://internal:8000" + TARGET


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x_forwarded_proto": "https"}, "https://internal:8000"),
        (
            {"x_forwarded_proto": "https", "x_forwarded_host": "hooks.example, inner"},
            "https://hooks.example",
        ),
        (
            {"x_forwarded_host": "hooks.example", "x_forwarded_port": "8443"},
            "http://hooks.example:8443",
        ),
        (
            {
                "x_forwarded_proto": "https",
                "x_forwarded_host": "hooks.example",
                "x_forwarded_port": "443",
            },
            "https://hooks.example",
        ),
        ({"x_forwarded_host": "[2001:db8::1]"}, "http://[2001:db8::1]"),
    ],
)
def test_forwarded_headers_from_a_trusted_proxy_are_used(
    headers: dict[str, str], origin: str
) -> None:
    assert PublicUrl(None, PROXY).of(a_scope("10.1.1.1", **headers)) == origin + TARGET
