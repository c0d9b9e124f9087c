"""The URL and headers that are read from unusual events."""

from typing import Any

import pytest

from entrypoints.aws_lambda.api_gateway_events import read_event

HOST = {"Host": "desk.acme.example"}


def url_of(**fields: Any) -> str:
    """The URL of an event; the likeliest one if its query may have been written otherwise."""
    event = read_event(fields)
    query = event.queries()[0]
    return event.origin + event.path + (f"?{query}" if query else "")


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        (
            {"path": "/sms", "requestContext": {"path": "/prod/sms", "domainName": "x.example"}},
            "https://x.example/prod/sms",
        ),
        ({"path": "/sms", "headers": HOST}, "https://desk.acme.example/sms"),
        ({"path": "sms", "multiValueHeaders": {"host": ["a.example"]}}, "https://a.example/sms"),
        (
            {"path": "/s m/é%20?#", "headers": HOST},
            "https://desk.acme.example/s%20m/%C3%A9%20%3F%23",
        ),
        (
            {"path": "/sms", "headers": HOST, "queryStringParameters": {"a": "ü &", "b": ""}},
            "https://desk.acme.example/sms?a=%C3%BC%20%26&b=",
        ),
        (
            {
                "path": "/sms",
                "headers": HOST,
                "queryStringParameters": {"a": "2"},
                "multiValueQueryStringParameters": {"a": ["1", "2"]},
            },
            "https://desk.acme.example/sms?a=1&a=2",
        ),
        (
            {
                "path": "/sms",
                "headers": {**HOST, "x-forwarded-proto": "http"},
                "queryStringParameters": {"a": "%20"},
                "requestContext": {"elb": {}},
            },
            "http://desk.acme.example/sms?a=%20",
        ),
        (
            {
                "rawPath": "/a b/sms",
                "rawQueryString": "a=%20&a=+",
                "headers": {"host": "x.example"},
                "requestContext": {"http": {"method": "POST"}},
            },
            "https://x.example/a%20b/sms?a=%20&a=+",
        ),
    ],
)
def test_public_url_is_built_from_the_fields_of_the_event(fields: dict[str, Any], url: str) -> None:
    assert url_of(**fields) == url


def test_event_headers_are_in_lower_case_with_all_their_values() -> None:
    event = read_event({"headers": {"X-A": "2"}, "multiValueHeaders": {"X-A": ["1", "2"]}})
    assert event.headers == (("x-a", "1"), ("x-a", "2"))
    assert read_event({"headers": {"X-A": "2", "X-B": None}}).headers == (("x-a", "2"),)


def test_repr_of_an_event_hides_its_body_and_headers() -> None:
    assert "secret" not in repr(
        read_event({"body": "secret", "headers": {"authorization": "secret"}})
    )
