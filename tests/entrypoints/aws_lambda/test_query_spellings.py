"""The ways in which a decoded query may have been written."""

import time
from urllib.parse import parse_qs

import pytest

from entrypoints.aws_lambda.query_spellings import decoded_queries, encoded_queries

Pairs = list[tuple[str, str]]


def decoded(query: str) -> Pairs:
    """The parameters of ``query`` as API Gateway passes them on."""
    several = parse_qs(query, keep_blank_values=True)
    return [(name, value) for name, values in several.items() for value in values]


SPELLINGS = [
    "tenant=acme",
    "name=Ana+Lopes",
    "name=Ana%20Lopes",
    "ref=sip:12@acme.example",
    "ref=sip%3A12%40acme.example",
    "ref=sip:12%40acme.example",
    "ref=sip%3A12@acme.example",
    "ref=sip%3a12%40acme.example",
    "debug",
    "debug=",
    "debug&tenant=acme",
    "a=&b",
    "next=https://x.example/a",
    "next=https%3A%2F%2Fx.example%2Fa",
    "next=https%3a%2f%2fx.example%2fa",
    "next=https%3A//x.example/a",
    "next=https://x.example/a?b=1%26c=2",
    "name=Ana+Lopes&ref=sip:12@acme.example&debug&next=https://x.example/a",
    "name=Ana%20Lopes&ref=sip%3A12%40acme.example&debug=&next=https%3A%2F%2Fx.example%2Fa",
    "ref=sip:12@acme.example&next=https%3A%2F%2Fx.example%2Fa",
    "q=caf%C3%A9%20x&lower=%c3%a9&plus=a+b",
    "tag[]=1&tag[]=2",
    "tag%5B%5D=1&tag%5B%5D=2",
    "tags=a|b,c;d",
    "tags=a%7Cb%2Cc%3Bd",
    "note=It's+(really)+me!*",
    "note=It%27s%20%28really%29%20me%21%2A",
    "note=It's%20(really)%20me!*",
    "user=~ana",
    "user=%7Eana",
    "sum=1%2B1",
    "formula=a=b",
    "formula=a%3Db",
    "since=2026-01-01T00:00:00Z",
    "template=%7Bid%7D%25",
    "template={id}%25",
    "a%3Db=c",
    "a=1&b=2&a=3",
]


@pytest.mark.parametrize("query", SPELLINGS)
def test_usual_spelling_is_among_those_that_are_tried(query: str) -> None:
    assert query in decoded_queries(decoded(query))


@pytest.mark.parametrize("query", SPELLINGS)
def test_every_spelling_means_the_same_parameters(query: str) -> None:
    # A plus may have stayed one: see below.
    spellings = [text for text in decoded_queries(decoded(query)) if "1+1" not in text]
    for text in spellings:
        assert sorted(decoded(text)) == sorted(decoded(query))


@pytest.mark.parametrize("query", ["b=2&a=1", "z=1&y=2&x=3&w=4", "to=a:b&from=c+d"])
def test_order_that_the_event_has_not_kept_is_tried(query: str) -> None:
    assert query in decoded_queries(sorted(decoded(query)))


def test_literal_plus_is_tried_where_it_was_not_decoded() -> None:
    assert "name=Ana+Lopes" in decoded_queries([("name", "Ana+Lopes")])


def test_query_without_doubtful_characters_has_one_spelling() -> None:
    assert decoded_queries([("tenant", "acme-1.a_b")]) == ("tenant=acme-1.a_b",)
    assert decoded_queries([]) == encoded_queries([]) == ("",)


def test_lone_surrogate_is_replaced() -> None:
    assert decoded_queries([("a", "\ud800")])[0] == "a=%3F"


def test_only_a_parameter_without_value_has_two_spellings_where_the_query_is_encoded() -> None:
    assert encoded_queries([("a", "b%20c"), ("d", "")]) == ("a=b%20c&d=", "a=b%20c&d")
    assert encoded_queries([("a", "b+c")]) == ("a=b+c",)


EVERYTHING = " /:@!'()*$,;?=+[]{}|~é"
ATTACKS = {
    "every doubtful character": [("a", EVERYTHING)],
    "in every parameter": [("a" + EVERYTHING, EVERYTHING)] * 6,
    "many parameters": [("a", "/")] * 150,
    "many empty parameters": [("a", "")] * 300,
    "four orders": [(name, "/:@") for name in "abcd"],
    "characters of four bytes": [("a", "😀/:@" * 70)],
    "a long value": [("a", "/" * 10_000)],
    "ten thousand parameters": [("", " ")] * 10_000,
    "ten thousand parameters without a character": [("", "")] * 10_000,
}


@pytest.mark.parametrize("pairs", ATTACKS.values(), ids=ATTACKS)
def test_spellings_of_a_hostile_query_are_bounded_in_number_and_time(pairs: Pairs) -> None:
    started = time.process_time()
    queries = decoded_queries(pairs)
    assert time.process_time() - started < 0.1
    assert 1 <= len(queries) <= 96
    assert len(set(queries)) == len(queries)


def test_query_over_the_limit_has_one_spelling() -> None:
    assert len(decoded_queries([("a", "/" * 299)])) > 1
    assert decoded_queries([("a", "/" * 300)]) == ("a=" + "%2F" * 300,)
