"""Twilio webhooks: genuine, altered and forged."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote, unquote, urlencode, urlsplit

from tests.faults.in_process import INTERNAL_HOST, HttpRequest
from tests.faults.twilio_reference import (
    A_PROXY,
    OTHER_SID,
    OTHER_TOKEN,
    SID,
    TOKENS,
    URL,
    Expected,
    Setup,
    TwilioCase,
    a_form,
    posted,
)
from tests.faults.vendor_schemes import form_pairs, signed_by_twilio

CONFIGURED = {
    "plain": URL,
    "the scheme's port": "https://hooks.example.com:443/webhooks/sms",
    "another port": "https://hooks.example.com:8443/webhooks/sms",
    "http": "http://hooks.example.com/webhooks/sms",
    "http and its port": "http://hooks.example.com:80/webhooks/sms",
    "http on another port": "http://hooks.example.com:8080/webhooks/sms",
    "http on the port of https": "http://hooks.example.com:443/webhooks/sms",
    "a query": URL + "?tenant=acme&region=eu",
    "a query of empty values": URL + "?a=&b&c=",
    "an escaped query": URL + "?q=caf%C3%A9%20x&lower=%c3%a9&plus=a+b",
    "a repeated parameter": URL + "?a=1&b=2&a=3",
    "a trailing slash": URL + "/",
    "double slashes": "https://hooks.example.com//webhooks//sms",
    "a stage": "https://hooks.example.com/prod/webhooks/sms",
    "an escaped path": "https://hooks.example.com/desk%20one/%7Eteam/sms",
    "escapes in lower case": "https://hooks.example.com/caf%c3%a9/sms",
    "mixed case": "https://hooks.example.com/Prod/WebHooks/SMS",
    "path parameters": "https://hooks.example.com/webhooks;v=1/sms",
    "a domain and a base path": "https://messages.acme.example/inbound/v2/sms",
    "an IPv6 address": "https://[2001:db8::7]/webhooks/sms",
    "an IPv6 address and a port": "https://[2001:db8::7]:8443/webhooks/sms",
    "an international domain": "https://xn--mnchen-3ya.example/webhooks/sms",
    "user info": "https://acme:s3cret@hooks.example.com/webhooks/sms",
    "user info and a port": "https://acme:s3cret@hooks.example.com:8443/webhooks/sms",
    "overrides in the fragment": URL + "#rc=5&rp=all",
}


def _arrivals(name: str, url: str) -> Iterator[TwilioCase]:
    """Each path of a request from ``url`` to the process, genuine or forged."""

    def case(way: str, request: HttpRequest, **setup: str | bool) -> TwilioCase:
        return TwilioCase(f"{name}, {way}", request, Setup(**setup))  # type: ignore[arg-type]  # by name

    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def sent(way: str) -> HttpRequest:
        return posted(urlencode(a_form(name + way)).encode(), url)

    def forwarded_request(way: str, **forwarded: str) -> HttpRequest:
        direct = sent(way)
        added = tuple((f"x-forwarded-{name}", value) for name, value in forwarded.items())
        headers = direct.headers + added
        return replace(direct, headers=headers, host=INTERNAL_HOST, scheme="http", client=A_PROXY)

    bare, port = _split_port(origin)
    true_headers = {"proto": parts.scheme, "host": bare, "port": port}
    false_headers = {"proto": "http", "host": "evil.example", "port": "1"}
    yield case("straight", sent("straight"))
    yield case("by a proxy", forwarded_request("by a proxy", **true_headers), behind_proxies=True)
    yield case(
        "by two proxies",
        forwarded_request(
            "by two", proto=f"{parts.scheme}, http", host=f"{origin.split('//')[1]}, inner"
        ),
        behind_proxies=True,
    )
    remaining = replace(forwarded_request("keeping", proto=parts.scheme), host=sent("").host)
    yield case("by a proxy that keeps the host", remaining, behind_proxies=True)
    yield case("by a proxy nobody trusts", forwarded_request("untrusted", **true_headers))
    stranger = replace(forwarded_request("stranger", **true_headers), client="198.51.100.9")
    yield case("by a stranger", stranger, behind_proxies=True)
    yield case("with a base URL", forwarded_request("based"), base_url=origin)
    yield case(
        "with a base URL and lies",
        forwarded_request("l", **false_headers),
        base_url=origin,
        behind_proxies=True,
    )
    yield case("with another base URL", sent("other"), base_url="https://other.example")
    yield case("under another host", replace(sent("host"), host="evil.example"))


def _split_port(origin: str) -> tuple[str, str]:
    """The host of an origin, and its port, the scheme's own if it names none."""
    parts = urlsplit(origin)
    port = str(parts.port or {"https": 443, "http": 80}[parts.scheme])
    return parts.netloc.removesuffix(f":{port}"), port


SIGNED_FOR_ANOTHER = {
    "http": "http://hooks.example.com/webhooks/sms?a=1&b=%20",
    "another host": "https://hook.example.com/webhooks/sms?a=1&b=%20",
    "a subdomain": "https://x.hooks.example.com/webhooks/sms?a=1&b=%20",
    "another port": "https://hooks.example.com:8443/webhooks/sms?a=1&b=%20",
    "a trailing slash": "https://hooks.example.com/webhooks/sms/?a=1&b=%20",
    "another channel": "https://hooks.example.com/webhooks/whatsapp?a=1&b=%20",
    "a path in capitals": "https://hooks.example.com/webhooks/SMS?a=1&b=%20",
    "a stage": "https://hooks.example.com/prod/webhooks/sms?a=1&b=%20",
    "no query": "https://hooks.example.com/webhooks/sms",
    "a query in another order": "https://hooks.example.com/webhooks/sms?b=%20&a=1",
    "a query escaped otherwise": "https://hooks.example.com/webhooks/sms?a=1&b=+",
    "a parameter more": "https://hooks.example.com/webhooks/sms?a=1&b=%20&c=1",
    "an escaped path": "https://hooks.example.com/webhooks/%73ms?a=1&b=%20",
    "a dot in the path": "https://hooks.example.com/webhooks/./sms?a=1&b=%20",
}


def _for_another_url() -> Iterator[TwilioCase]:
    for name, url in SIGNED_FOR_ANOTHER.items():
        body = urlencode(a_form(f"for {name}")).encode()
        signature = signed_by_twilio(url, form_pairs(body), TOKENS[0])
        request = posted(body, URL + "?a=1&b=%20", signature=signature)
        yield TwilioCase(f"signed for {name}", request)


REWRITTEN = {
    "the path of the base URL removed": ("/webhooks/sms", "/api/webhooks/sms"),
    "the path of the base URL kept": ("/api/webhooks/sms", "/api/webhooks/sms"),
    "the path of the base URL twice": ("/api/webhooks/sms", "/api/api/webhooks/sms"),
    "the path of the base URL never": ("/webhooks/sms", "/webhooks/sms"),
    "another path removed": ("/webhooks/sms", "/app/webhooks/sms"),
    "a longer path of the same beginning": ("/apis/webhooks/sms", "/apis/webhooks/sms"),
    "such a path after that of the base URL": ("/apis/webhooks/sms", "/api/apis/webhooks/sms"),
    "a query kept": ("/webhooks/sms?a=+%20", "/api/webhooks/sms?a=+%20"),
    "a query escaped otherwise": ("/webhooks/sms?a=+%20", "/api/webhooks/sms?a=%20%20"),
    "capitals": ("/API/webhooks/sms", "/API/webhooks/sms"),
}
"""What a proxy passes on, and what was signed of ``https://hooks.example.com/api``."""

WHOLE = "https://hooks.example.com/in/?name=Ana+Lopes&mail=a@b%2ec&debug"
SIGNED_FOR_WHOLE = {
    "the whole URL": WHOLE,
    "the whole URL and its port": WHOLE.replace(".com", ".com:443"),
    "another port": WHOLE.replace(".com", ".com:8443"),
    "the URL that was reached": URL,
    "an origin of the base URL": "https://other.example/webhooks/sms",
    "a space escaped otherwise": WHOLE.replace("+", "%20"),
    "an equals sign more": WHOLE + "=",
    "no query": WHOLE.partition("?")[0],
    "escapes in capitals": WHOLE.replace("%2e", "%2E"),
    "no slash before the query": WHOLE.replace("/?", "?"),
    "http": WHOLE.replace("https", "http"),
}


def _rewritten() -> Iterator[TwilioCase]:
    based = Setup(base_url="https://hooks.example.com/api")
    for name, (passed_on, signed) in REWRITTEN.items():
        request = posted(urlencode(a_form(name)).encode(), f"https://hooks.example.com{signed}")
        yield TwilioCase(f"proxy: {name}", replace(request, target=passed_on), based)
    whole = Setup(base_url="https://other.example", webhook_url=WHOLE)
    for name, url in SIGNED_FOR_WHOLE.items():
        request = posted(urlencode(a_form(f"for {name}")).encode(), url)
        reached = replace(request, target="/webhooks/sms", host="hooks.example.com")
        yield TwilioCase(f"whole: {name}", reached, whole)


WRITTEN: dict[str, Callable[[dict[str, str]], str]] = {
    "spaces as plus": urlencode,
    "spaces as %20": lambda form: urlencode(form, quote_via=quote),
    "escapes in lower case": lambda form: urlencode(form).replace("%C3%A1", "%c3%a1"),
    "more escapes than needed": lambda form: urlencode(form).replace("AccountSid", "%41ccountSid"),
    "UTF-8 as it is": lambda form: unquote(urlencode(form, quote_via=quote, safe="+")).replace(
        "+", "%2B"
    ),
    "in reverse order": lambda form: urlencode(list(form.items())[::-1]),
    "sorted": lambda form: urlencode(sorted(form.items())),
    "a field twice, the same": lambda form: urlencode(form) + "&NumMedia=0",
    "a field twice, different": lambda form: urlencode([*form.items(), ("FromCity", "OAKLAND")]),
    "a field thrice, empty": lambda form: urlencode([*form.items(), *[("ToCity", "")] * 2]),
    "an unknown field": lambda form: urlencode({**form, "Shiny": "new"}),
    "an unknown empty field": lambda form: urlencode({**form, "Shiny": ""}),
    "no body": lambda form: urlencode({k: v for k, v in form.items() if k != "Body"}),
    "an empty body": lambda form: urlencode({**form, "Body": ""}),
    "blanks around the body": lambda form: urlencode({**form, "Body": " \t\r\n Hi \xa0"}),
    "delimiters in the body": lambda form: urlencode({**form, "Body": "a=b&c=d+e%20;f#g?h"}),
    "a null in the body": lambda form: urlencode({**form, "Body": "a\x00b"}),
    "astral characters": lambda form: urlencode({**form, "Body": "👩‍👩‍👧‍👦 日本語 \U0010ffff"}),
    "not normalised": lambda form: urlencode({**form, "Body": "e\u0301 \u00e9 \ufb01"}),
    "1600 characters": lambda form: urlencode({**form, "Body": "ß" * 1600}),
    "a name in lower case": lambda form: urlencode({**form, "body": "other"}),
}
ILL_FORMED = {
    "half an escape": b"&Body=%C3",
    "Latin-1": b"&City=caf\xe9",
    "a lone surrogate": b"&City=%ED%A0%80",
    "no equals sign": b"&City",
    "an ampersand too many": b"&",
    "the account twice": b"&AccountSid=" + SID.encode(),
    "another account too": b"&AccountSid=" + OTHER_SID.encode(),
}
REGROUPED: dict[str, dict[str, str | None]] = {
    "the body in the sender": {"Body": None, "From": "+14155550123Body"},
    "the city in the sender": {"FromCity": None, "From": "+14155550123FromCitySAN FRANCISCO"},
    "the sender in the body": {"From": None, "Body": "HiFrom+14155550123"},
    "the recipient in the count": {"To": None, "NumMedia": "0To+15005550006"},
    "the id in the body": {"MessageSid": None, "Body": "HiMessageSidSM" + "1" * 32},
    "a short id": {"MessageSid": "SM123"},
    "no recipient": {"To": None},
}


def _forms() -> Iterator[TwilioCase]:
    for name, write in WRITTEN.items():
        yield TwilioCase(f"form: {name}", posted(write(a_form(name)).encode()))
    for name, end in ILL_FORMED.items():
        body = urlencode(a_form(name)).encode()
        signature = posted(body).headers[1][1]
        yield TwilioCase(f"form: {name}", posted(body + end, signature=signature))
    for name, changes in REGROUPED.items():
        fields: dict[str, str | None] = {**a_form(name), **changes}
        remaining = {key: value for key, value in fields.items() if value is not None}
        request = posted(urlencode(remaining).encode())
        yield TwilioCase(f"regrouped: {name}", request, special=Expected.SPOOLED)


def _tokens() -> Iterator[TwilioCase]:
    two = Setup(((SID, TOKENS), (OTHER_SID, (OTHER_TOKEN,))))
    for setup, among in ((Setup(), "one"), (two, "two")):
        for account in (SID, OTHER_SID):
            for token in (*TOKENS, OTHER_TOKEN, "", TOKENS[0].upper(), TOKENS[0] + " "):
                name = f"account {account[2]} by {token!r} among {among}"
                body = urlencode(a_form(name, AccountSid=account)).encode()
                yield TwilioCase(name, posted(body, token=token), setup)


def _signatures() -> Iterator[TwilioCase]:
    body = urlencode(a_form("signature")).encode()
    right = posted(body).headers[1][1]
    wrong = {
        "missing": "",
        "cut": right[:-1],
        "cut in half": right[:14],
        "without padding": right.rstrip("="),
        "padded twice": right + "=",
        "in lower case": right.lower(),
        "in hex": right.encode().hex(),
        "with a blank": right + " x",
        "twice": f"{right},{right}",
        "of zeros": "A" * 27 + "=",
        "URL-safe": "-_" + right[2:],
    }
    for name, signature in wrong.items():
        yield TwilioCase(f"signature {name}", posted(body, signature=signature))
    sent = posted(body)
    repeated = replace(sent, headers=(*sent.headers, sent.headers[1]))
    yield TwilioCase("signature header twice", repeated)
    for content_type in ("application/json", "multipart/form-data", "text/plain", ""):
        headers = (("content-type", content_type), sent.headers[1])
        yield TwilioCase(f"sent as {content_type!r}", replace(sent, headers=headers))


def _tampered() -> Iterator[TwilioCase]:
    """One byte changed, at every eighth place of the body, of the signature and of the path."""
    body = urlencode(a_form("tampered")).encode()
    sent = posted(body)
    signature = sent.headers[1][1]
    for at in range(0, len(body), 8):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield TwilioCase(f"byte {at} of the body", replace(sent, body=changed))
    for at in range(0, len(signature) - 1, 3):
        other = "A" if signature[at] != "A" else "B"
        changed_signature = signature[:at] + other + signature[at + 1 :]
        yield TwilioCase(f"byte {at} of the signature", posted(body, signature=changed_signature))
    for length in range(0, len(body), 40):
        yield TwilioCase(f"body cut to {length}", replace(sent, body=body[:length]))


TWILIO_CASES = (
    *(case for name, url in CONFIGURED.items() for case in _arrivals(name, url)),
    *_for_another_url(),
    *_rewritten(),
    *_forms(),
    *_tokens(),
    *_signatures(),
    *_tampered(),
)
