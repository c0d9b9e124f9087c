"""Signatures are accepted and refused as an independent reference expects."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from infrastructure.channels.provider import SimulatedRequest
from tests.builders import NOW
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, SHAPES, an_event
from tests.faults.in_process import (
    MANY,
    HttpRequest,
    InProcessFrontDesk,
    StoredCounts,
    in_process_frontdesk,
)
from tests.faults.mail_signature_cases import (
    AUTHOR,
    ISSUED,
    MAIL_CASES,
    MailCase,
    MailSetup,
    a_mail,
    der_signature,
    proof,
)
from tests.faults.twilio_cases import TWILIO_CASES
from tests.faults.twilio_reference import (
    PROXIES,
    SID,
    TOKENS,
    URL,
    Expected,
    Setup,
    TwilioCase,
    a_form,
    is_authentic,
    posted,
)
from tests.faults.vendor_schemes import mirrored

FrontDeskOf = Callable[[dict[str, str]], InProcessFrontDesk]
MORE = {
    Expected.REFUSED: StoredCounts(0, 0),
    Expected.RECORDED: StoredCounts(1, 0),
    Expected.SPOOLED: StoredCounts(0, 1),
    Expected.REPEATED: StoredCounts(0, 0),
}


@pytest.fixture(scope="module")
def frontdesk_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDeskOf]:
    """One front desk for each set of settings, because building hundreds is slow."""
    with ExitStack() as stack:
        frontdesks: dict[str, InProcessFrontDesk] = {}

        def find(settings: dict[str, str]) -> InProcessFrontDesk:
            name = json.dumps(settings, sort_keys=True)
            if name not in frontdesks:
                data_dir = tmp_path_factory.mktemp("frontdesk")
                wanted = {key: _stored_in(data_dir, value) for key, value in settings.items()}
                frontdesks[name] = stack.enter_context(
                    in_process_frontdesk(data_dir, wanted, now=NOW)
                )
            return frontdesks[name]

        yield find


def _stored_in(data_dir: Path, value: str) -> str:
    """Write a list of tenants to a file and name it; return any other setting unchanged."""
    if not value.startswith('{"tenants"'):
        return value
    file = data_dir / "tenants.json"
    file.write_text(value)
    return f"file:{file}"


def environ_of(setup: Setup) -> dict[str, str]:
    environ = {}
    if len(setup.accounts) == 1:
        account_sid, tokens = setup.accounts[0]
        environ = {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": ",".join(tokens)}
    else:
        tenants = [_tenant(number, *account) for number, account in enumerate(setup.accounts)]
        environ = {"TENANTS": json.dumps({"tenants": tenants})}
    if setup.base_url:
        environ["PUBLIC_BASE_URL"] = setup.base_url
    if setup.webhook_url:
        environ["SMS_WEBHOOK_URL"] = setup.webhook_url
    if setup.behind_proxies:
        environ["TRUSTED_PROXIES"] = PROXIES
    return environ


def _tenant(number: int, account_sid: str, tokens: tuple[str, ...]) -> dict[str, Any]:
    return {
        "company_id": f"company-{number}",
        "recipients": [f"+1500555000{number}"],
        "twilio": {"account_sid": account_sid, "auth_tokens": list(tokens)},
    }


def mail_environ_of(setup: MailSetup) -> dict[str, str]:
    environ = {"SENDGRID_TOLERANCE_SECONDS": str(int(setup.tolerance.total_seconds()))}
    if setup.keys:
        environ["SENDGRID_WEBHOOK_PUBLIC_KEY"] = ",".join(setup.keys)
    if setup.pairs:
        environ["SENDGRID_BASIC_AUTH"] = ",".join(setup.pairs)
    return environ


def observed(frontdesk: InProcessFrontDesk, post: Callable[[], int]) -> tuple[int, StoredCounts]:
    """The status of a request, and the counts that it added to the stored data."""
    before = frontdesk.stored_counts()
    status = post()
    after = frontdesk.stored_counts()
    return status, StoredCounts(
        after.messages - before.messages, after.dead_letters - before.dead_letters
    )


def wanted(expected: Expected) -> tuple[int, StoredCounts]:
    return 401 if expected is Expected.REFUSED else 200, MORE[expected]


@pytest.mark.parametrize("case", TWILIO_CASES, ids=lambda case: case.name)
def test_twilio_webhook_is_accepted_exactly_when_its_signature_is_valid(
    frontdesk_of: FrontDeskOf, case: TwilioCase
) -> None:
    frontdesk = frontdesk_of(environ_of(case.setup))
    assert observed(frontdesk, lambda: frontdesk.post(case.request)) == wanted(case.expected)
    again = Expected.REFUSED if case.expected is Expected.REFUSED else Expected.REPEATED
    assert observed(frontdesk, lambda: frontdesk.post(case.request)) == wanted(again)


@pytest.mark.parametrize("case", MAIL_CASES, ids=lambda case: case.name)
def test_sendgrid_webhook_is_accepted_exactly_when_its_signature_is_valid(
    frontdesk_of: FrontDeskOf, case: MailCase
) -> None:
    frontdesk = frontdesk_of(mail_environ_of(case.setup))
    assert observed(frontdesk, lambda: frontdesk.post(case.request)) == wanted(case.expected)
    again = Expected.REPEATED if case.is_authentic else Expected.REFUSED
    assert observed(frontdesk, lambda: frontdesk.post(case.request)) == wanted(again)
    records = frontdesk.container.message_store().list_unmatched(MANY).items
    assert {record.message.sender.value for record in records} <= {AUTHOR}


QUERIES = (
    "",
    "?tenant=acme&region=eu",
    "?empty=&q=caf%C3%A9%20x",
    "?a=1&a=2&b=3",
    "?name=Ana+Lopes&debug",
    "?ref=sip:12@acme.example&next=https%3A%2F%2Fx.example%2Fa",
)
LAMBDA_CASES = [
    (shape, query, as_base64, base_url)
    for shape in SHAPES
    for query in QUERIES
    for as_base64 in (True, False)
    for base_url in (None, "https://own.acme.example")
    # Without multi-value headers a balancer passes on only the last of repeated parameters.
    if (shape, query) != ("load_balancer", "?a=1&a=2&b=3")
]


@pytest.mark.parametrize(("shape", "query", "as_base64", "base_url"), LAMBDA_CASES)
def test_lambda_event_is_accepted_exactly_when_its_url_was_signed(
    frontdesk_of: FrontDeskOf, shape: str, query: str, as_base64: bool, base_url: str | None
) -> None:
    frontdesk = frontdesk_of(environ_of(Setup(base_url=base_url)))
    reached = f"{PUBLIC_URLS[shape]}sms{query}"
    path = reached.partition("//")[2].partition("/")[2]
    own = f"{base_url}/{path}" if base_url else reached
    for signed, expected in (
        (own, Expected.RECORDED),
        (own + "&x=1" if query else own + "?x=1", Expected.REFUSED),
        (own.replace("https:", "http:"), Expected.REFUSED),
        (f"https://evil.example/{path}", Expected.REFUSED),
    ):
        event = _event(shape, reached, signed, as_base64=as_base64, base_url=base_url)
        got = observed(frontdesk, lambda event=event: int(frontdesk.invoke(event)["statusCode"]))  # type: ignore[misc]  # bound at once
        assert got == wanted(expected), signed


def _event(
    shape: str, reached: str, signed: str, *, as_base64: bool, base_url: str | None
) -> dict[str, Any]:
    name = f"{shape} {signed} {as_base64} {base_url}"
    request = posted(urlencode(a_form(name)).encode(), signed)
    simulated = SimulatedRequest(reached, dict(request.headers), request.body)
    return an_event(shape, simulated, as_base64=as_base64)


def test_form_replayed_in_another_encoding_is_a_duplicate(frontdesk_of: FrontDeskOf) -> None:
    frontdesk = frontdesk_of(environ_of(Setup()))
    first = posted(urlencode(a_form("replayed")).encode())
    escaped = replace(first, body=first.body.replace(b"AccountSid", b"%41ccountSid"))
    turned = replace(first, body=b"&".join(first.body.split(b"&")[::-1]))
    other_token = posted(first.body, URL + "?again=1", TOKENS[1])
    assert SID.encode() in first.body
    assert observed(frontdesk, lambda: frontdesk.post(first)) == wanted(Expected.RECORDED)
    for copy in (first, escaped, turned, other_token):
        assert observed(frontdesk, partial(frontdesk.post, copy)) == wanted(Expected.REPEATED)


def _in_other_words(first: HttpRequest) -> list[HttpRequest]:
    """Every known form of the body for which the same signature is valid."""
    fields = first.body.split(b"&")
    bodies = [
        first.body,
        first.body.replace(b"AccountSid", b"%41ccountSid"),
        first.body.replace(b"+", b"%20"),
        b"&".join(fields[::-1]),
        *(b"&".join([*fields, *[b"FromCity=SAN+FRANCISCO"] * count]) for count in (1, 2, 100)),
        first.body.replace(b"&ToCity=", b"&ToCit=y"),
        first.body.replace(b"NumMedia=0", b"NumMedi=a0"),
    ]
    copies = [replace(first, body=body) for body in bodies]
    assert all(is_authentic(copy, Setup()) for copy in copies)
    return [*copies, *(replace(first, host=f"{first.host}:{port}") for port in (1, 443, 8443))]


def test_unreadable_form_replayed_in_another_encoding_is_one_dead_letter(
    frontdesk_of: FrontDeskOf,
) -> None:
    frontdesk = frontdesk_of(environ_of(Setup()))
    first = posted(urlencode(a_form("unreadable", MessageSid="SM7", Body="Hi+Ho")).encode())
    assert observed(frontdesk, lambda: frontdesk.post(first)) == wanted(Expected.SPOOLED)
    for copy in _in_other_words(first):
        assert observed(frontdesk, partial(frontdesk.post, copy)) == wanted(Expected.REPEATED)


def test_unreadable_mail_replayed_with_another_signature_or_path_is_one_dead_letter(
    frontdesk_of: FrontDeskOf,
) -> None:
    frontdesk = frontdesk_of(mail_environ_of(MailSetup()))
    body = a_mail("unreadable and posted again", author="nobody")
    signed = der_signature(body, str(ISSUED))
    first = MailCase("", body, proof(str(ISSUED), signed)).request
    mirrored_one = MailCase("", body, proof(str(ISSUED), mirrored(signed))).request
    later = MailCase("", body, proof(str(ISSUED + 1), der_signature(body, str(ISSUED + 1)))).request
    elsewhere = replace(first, target="/stage/of/Email?x=1")
    assert observed(frontdesk, lambda: frontdesk.post(first)) == wanted(Expected.SPOOLED)
    for copy in (mirrored_one, later, elsewhere):
        assert observed(frontdesk, partial(frontdesk.post, copy)) == wanted(Expected.REPEATED)


def test_signature_cases_are_many_and_both_valid_and_invalid(
    capsys: pytest.CaptureFixture[str],
) -> None:
    statuses = Counter(case.expected is not Expected.REFUSED for case in TWILIO_CASES)
    statuses.update(case.is_authentic for case in MAIL_CASES)
    events = len(LAMBDA_CASES)
    statuses.update({True: events, False: 3 * events})
    with capsys.disabled():
        print(f"{statuses.total()} signatures: {statuses[True]} right, {statuses[False]} wrong")  # noqa: T201 - the figure is for the developer who runs it
    assert min(statuses.values()) >= 200
    names = [case.name for case in TWILIO_CASES] + [case.name for case in MAIL_CASES]
    assert len(names) == len(set(names))
