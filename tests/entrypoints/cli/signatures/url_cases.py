"""Captures whose URL is not the signed one."""

from tests.entrypoints.cli.signatures.captures import (
    PUBLIC,
    TWILIO,
    URL,
    Sent,
    balancer_event,
    curl,
    http_event,
    raw,
    rest_event,
    sms,
)
from tests.entrypoints.cli.signatures.case import (
    BASE,
    INSIDE,
    Case,
    whole_url,
)

sent: Sent

URLS = (
    Case(
        "TLS ends at a proxy that keeps the host",
        raw(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("scheme",),
        BASE,
        advice="X-Forwarded-Proto $scheme",
    ),
    Case(
        "TLS ends at a proxy that says so, and is not trusted",
        raw(sms().at("http://hooks.acme.example/webhooks/sms").having(x_forwarded_proto="https")),
        ("scheme",),
        BASE,
        advice="TRUSTED_PROXIES",
    ),
    Case(
        "ngrok with a rewritten host header",
        raw(
            sms("https://a1b2.ngrok-free.example/webhooks/sms")
            .at(INSIDE)
            .having(
                x_forwarded_host="a1b2.ngrok-free.example",
                x_forwarded_proto="https",
            )
        ),
        ("scheme", "host"),
        ("PUBLIC_BASE_URL", "https://a1b2.ngrok-free.example"),
        advice="TRUSTED_PROXIES",
    ),
    Case(
        "a tunnel got a new name, and the setting has the old one",
        raw(
            sms("https://new.tunnel.example/webhooks/sms").at(
                "http://new.tunnel.example/webhooks/sms"
            )
        ),
        ("host",),
        ("PUBLIC_BASE_URL", "https://new.tunnel.example"),
        {**TWILIO, "PUBLIC_BASE_URL": "https://old.tunnel.example"},
        advice="or at Twilio, enter https://old.tunnel.example/webhooks/sms",
    ),
    Case(
        "the setting has http",
        curl(sms()),
        ("scheme",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "http://hooks.acme.example"},
    ),
    Case(
        "the public port is lost",
        raw(
            sms("https://hooks.acme.example:8443/webhooks/sms").at(
                "https://hooks.acme.example/webhooks/sms"
            )
        ),
        ("scheme", "port"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example:8443"),
    ),
    Case(
        "the port in the setting is another one",
        curl(sms("https://hooks.acme.example:8443/webhooks/sms")),
        ("port",),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example:8443"),
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example:9443"},
    ),
    Case(
        "a proxy takes a prefix away",
        raw(
            sms("https://hooks.acme.example/api/webhooks/sms").at(
                "http://hooks.acme.example/webhooks/sms"
            )
        ),
        ("scheme", "path_prefix_removed"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example/api"),
    ),
    Case(
        "a proxy takes an odd prefix away and notes it",
        raw(
            sms("https://hooks.acme.example/kundendienst/webhooks/sms")
            .at("http://hooks.acme.example/webhooks/sms")
            .having(x_forwarded_prefix="/kundendienst")
        ),
        ("scheme", "path_prefix_removed"),
        ("PUBLIC_BASE_URL", "https://hooks.acme.example/kundendienst"),
    ),
    Case(
        "the base path in the setting is one too many",
        raw(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("path_prefix_added",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example/api"},
    ),
    Case(
        "a custom domain hides the stage of a REST API",
        rest_event(
            sms("https://hooks.acme.example/webhooks/sms").at(
                "https://a1.execute-api.eu.example/prod/webhooks/sms"
            )
        ),
        ("path_prefix_added",),
        BASE,
        {**TWILIO, "PUBLIC_BASE_URL": "https://hooks.acme.example/prod"},
    ),
    Case(
        "a CDN before a REST API replaces the host",
        rest_event(
            sms()
            .at("https://a1.execute-api.eu.example/prod/webhooks/sms")
            .having(x_forwarded_host="hooks.acme.example")
        ),
        ("host", "path_prefix_added"),
        BASE,
    ),
    Case(
        "a function URL behind a domain that only the Host header names",
        http_event(sms(), host="x1y2.lambda-url.eu.example"),
        ("host",),
        BASE,
    ),
    Case(
        "a balancer that speaks http",
        balancer_event(sms().at("http://hooks.acme.example/webhooks/sms")),
        ("scheme",),
        BASE,
    ),
    Case(
        "a slash too many at Twilio",
        curl(sms(f"{URL}/").at(URL)),
        ("trailing_slash",),
        whole_url(f"{URL}/"),
        PUBLIC,
    ),
    Case(
        "a framework adds a slash",
        raw(sms().at("http://hooks.acme.example/webhooks/sms/")),
        ("trailing_slash",),
        whole_url(URL),
        PUBLIC,
    ),
    Case(
        "a proxy rewrites the path and notes the old one",
        raw(
            sms("https://hooks.acme.example/in/texts?shop=7")
            .at("http://hooks.acme.example/webhooks/sms")
            .having(x_original_uri="/in/texts?shop=7")
        ),
        ("path", "query_dropped"),
        whole_url("https://hooks.acme.example/in/texts?shop=7"),
        PUBLIC,
    ),
    Case(
        "the whole URL in the setting has another query",
        curl(sms(f"{URL}?shop=8")),
        ("query",),
        whole_url(f"{URL}?shop=8"),
        {**TWILIO, "SMS_WEBHOOK_URL": f"{URL}?shop=7"},
    ),
    Case(
        "a proxy drops the query, and the operator gives the URL",
        raw(sms(f"{URL}?shop=7").at(URL)),
        ("query_dropped",),
        whole_url(f"{URL}?shop=7"),
        PUBLIC,
        ("--url", f"{URL}?shop=7"),
    ),
    Case(
        "a proxy adds a parameter",
        raw(sms(f"{URL}?shop=7").at(f"{URL}?shop=7&trace=99")),
        ("query_added",),
        whole_url(f"{URL}?shop=7"),
        PUBLIC,
    ),
    Case(
        "a cache sorts the parameters",
        raw(sms(f"{URL}?z=1&a=2").at(f"{URL}?a=2&z=1")),
        ("query_order",),
        whole_url(f"{URL}?z=1&a=2"),
        PUBLIC,
    ),
    Case(
        "a plus in the query becomes %20",
        raw(sms(f"{URL}?name=Ana+Lopes").at(f"{URL}?name=Ana%20Lopes")),
        ("query_spelling",),
        whole_url(f"{URL}?name=Ana+Lopes"),
        PUBLIC,
    ),
    Case(
        "escapes of the query in lower case",
        raw(sms(f"{URL}?name=Zo%C3%AB").at(f"{URL}?name=Zo%c3%ab")),
        ("query_spelling",),
        whole_url(f"{URL}?name=Zo%C3%AB"),
        PUBLIC,
    ),
)
