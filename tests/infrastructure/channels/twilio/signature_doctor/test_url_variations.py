"""How many URLs are made of what a request says of itself."""

from dataclasses import replace
from itertools import count, takewhile

from infrastructure.channels.twilio.signature_doctor.url_variations import Url, url_variations
from tests.infrastructure.channels.twilio.signature_doctor.doctors import captured, signed

URL = "http://hooks.example.com/webhooks/sms"


def test_header_of_a_forger_makes_few_hosts() -> None:
    """The attack: a header with thousands of hosts, each of which is combined with all ports."""
    forwarded = ";".join(f"host=h{number}.example" for number in range(2_000))
    capture = replace(captured(URL, signed(URL)), headers=(("forwarded", forwarded),))
    urls = url_variations(URL, capture, ())
    made = takewhile(lambda one: one is not None, map(urls.at, count()))
    hosts = {Url.parse(one.value).host for one in made if one}
    assert "h0.example" in hosts
    assert len(hosts) < 30
