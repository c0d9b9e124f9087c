"""The URL that the provider signed, with and without proxies before the server."""

import ipaddress
from typing import Any

import pytest

from domain.channels import ChannelType
from domain.errors import ValidationError
from entrypoints.public_urls import PublicUrls, RequestOrigin, sent_path, sent_queries

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


def urls_of(public_urls: PublicUrls, origin: str, path: str, *queries: str) -> tuple[str, ...]:
    return public_urls.of(ChannelType.SMS, lambda: origin, path, queries or ("",))


def test_configured_base_url_overrides_what_the_request_claims() -> None:
    def claimed() -> str:
        raise AssertionError("the request must not be asked")

    urls = PublicUrls("https://hooks.example").of(ChannelType.SMS, claimed, "/sms", ("a=%20",))
    assert urls == ("https://hooks.example/sms?a=%20",)


def test_request_url_is_used_without_a_configured_base_url() -> None:
    assert urls_of(PublicUrls(), "http://internal:8000", "/s%6ds/", "a=1&b=%20") == (
        "http://internal:8000/s%6ds/?a=1&b=%20",
    )


def test_public_url_of_a_request_without_query_has_no_question_mark() -> None:
    assert urls_of(PublicUrls(), "http://internal:8000", "/sms") == ("http://internal:8000/sms",)


def test_each_way_to_write_the_query_gives_a_url() -> None:
    assert urls_of(PublicUrls(), "https://a.example", "/sms", "a=b+c", "a=b%20c") == (
        "https://a.example/sms?a=b+c",
        "https://a.example/sms?a=b%20c",
    )


@pytest.mark.parametrize("origin", ["https://[", "https://[x", "https://[::1"])
def test_host_that_cannot_be_one_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError):
        urls_of(PublicUrls(), origin, "/sms")


@pytest.mark.parametrize(
    ("path", "urls"),
    [
        ("/webhooks/sms", ("https://a.example/api/webhooks/sms",)),
        (
            "/api/webhooks/sms",
            ("https://a.example/api/webhooks/sms", "https://a.example/api/api/webhooks/sms"),
        ),
        ("/api", ("https://a.example/api", "https://a.example/api/api")),
        ("/apiary/sms", ("https://a.example/api/apiary/sms",)),
        ("/API/sms", ("https://a.example/api/API/sms",)),
    ],
)
def test_path_of_the_base_url_is_added_unless_the_path_may_have_it_already(
    path: str, urls: tuple[str, ...]
) -> None:
    assert urls_of(PublicUrls("https://a.example/api"), "http://internal", path) == urls


def test_whole_url_of_a_channel_is_the_only_one_of_that_channel() -> None:
    whole = "https://a.example/in?x=a+b"
    public_urls = PublicUrls("https://b.example/api", {ChannelType.SMS: whole})
    assert urls_of(public_urls, "http://internal", "/api/sms", "x=a b", "x=a+b") == (whole,)
    assert public_urls.of(ChannelType.WHATSAPP, str, "/whatsapp") == (
        "https://b.example/api/whatsapp",
    )
    assert public_urls.of(None, str, "/") == ("https://b.example/api/",)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, ("https://internal/prod/sms",)),
        ("https://a.example", ("https://a.example/prod/sms", "https://a.example/sms")),
        (
            "https://a.example/prod",
            ("https://a.example/prod/sms", "https://a.example/prod/prod/sms"),
        ),
    ],
)
def test_path_without_the_stage_goes_with_the_base_url_alone(
    base_url: str | None, expected: tuple[str, ...]
) -> None:
    urls = PublicUrls(base_url).of(
        ChannelType.SMS, lambda: "https://internal", "/prod/sms", path_without_stage="/sms"
    )
    assert urls == expected


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("ref=sip%3A12%40acme.example", "ref=sip:12@acme.example"),
        ("name=O%27Hara+%28x%29", "name=O'Hara+(x)"),
        ("next=https%3a%2f%2fx.example%2fa%3fb", "next=https://x.example/a?b"),
    ],
)
def test_query_may_have_been_signed_without_needless_escapes(sent: str, signed: str) -> None:
    assert sent_queries(sent) == (sent, signed)


@pytest.mark.parametrize(
    "sent", ["", "a=1&b=%20", "a=%26%3D%23%25%2B", "caf%C3%A9", "ref=sip:12@x"]
)
def test_query_without_needless_escapes_was_signed_as_it_was_sent(sent: str) -> None:
    assert sent_queries(sent) == (sent,)


def test_sent_path_is_still_encoded() -> None:
    assert sent_path(a_scope()) == "/webhooks/s%6ds/"
    assert sent_path({**a_scope(), "raw_path": None}) == "/webhooks/sms"


@pytest.mark.parametrize("client", ["198.51.100.7", None, "unix"])
def test_forwarded_headers_from_an_untrusted_client_are_ignored(client: str | None) -> None:
    scope = a_scope(client, x_forwarded_host="evil.example", x_forwarded_proto="https")
    assert RequestOrigin(PROXY).of(scope) == "http://internal:8000"


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x_forwarded_proto": "https"}, "https://internal:8000"),
        ({"x_forwarded_proto": "HTTPS"}, "https://internal:8000"),
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
    assert RequestOrigin(PROXY).of(a_scope("10.1.1.1", **headers)) == origin
