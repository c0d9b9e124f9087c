"""Whatever is changed at random, the doctor finds it, and its advice is a cure."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ports.signature_doctor import Cause, DiagnosisStatus
from domain.channels import ChannelType
from infrastructure.channels.twilio.signature_doctor.url_variations import COMMON_PREFIXES
from infrastructure.configuration.settings import read_settings
from tests.infrastructure.channels.twilio.signature_doctor.doctors import (
    a_doctor,
    captured,
    signed,
)

Pairs = list[tuple[str, str]]
HOST = "hooks.acme.example"


@dataclass(frozen=True)
class Change:
    """What a proxy does to the URL that Twilio signed, as the server sees it."""

    cause: Cause
    signed_url: str
    seen_url: str


SEEN = f"http://{HOST}/webhooks/sms"
URL_CHANGES = st.one_of(
    st.just(Change(Cause.SCHEME, f"https://{HOST}/webhooks/sms", SEEN)),
    st.sampled_from(["8443", "8080", "3000", "5000"]).map(
        lambda port: Change(Cause.PORT, f"http://{HOST}:{port}/webhooks/sms", SEEN)
    ),
    st.sampled_from(COMMON_PREFIXES).map(
        lambda prefix: Change(
            Cause.PATH_PREFIX_REMOVED, f"http://{HOST}{prefix}/webhooks/sms", SEEN
        )
    ),
    st.from_regex(r"/[a-z0-9]{1,12}(/[a-z0-9]{1,12})?", fullmatch=True).map(
        lambda prefix: Change(Cause.PATH_PREFIX_ADDED, SEEN, f"http://{HOST}{prefix}/webhooks/sms")
    ),
    st.just(Change(Cause.TRAILING_SLASH, f"{SEEN}/", SEEN)),
    st.permutations(["a=1", "b=two", "c=3"])
    .filter(lambda order: order != ["a=1", "b=two", "c=3"])
    .map(
        lambda order: Change(
            Cause.QUERY_ORDER, f"{SEEN}?{'&'.join(order)}", f"{SEEN}?a=1&b=two&c=3"
        )
    ),
)

BODY_CHANGES: dict[Cause, Callable[[Pairs], Pairs]] = {
    Cause.EMPTY_FIELDS_DROPPED: lambda pairs: [pair for pair in pairs if pair[1]],
    Cause.FIELDS_ADDED: lambda pairs: [*pairs, ("_token", "a1b2c3")],
    Cause.FIELD_NAMES: lambda pairs: [(name.lower(), value) for name, value in pairs],
    Cause.CHARSET: lambda pairs: [(n, v.encode().decode("latin-1")) for n, v in pairs],
    Cause.ESCAPED_VALUES: lambda pairs: [(n, v.replace("&", "&amp;")) for n, v in pairs],
    Cause.LINE_BREAKS: lambda pairs: [(n, v.replace("\n", "\r\n")) for n, v in pairs],
}
TEXT = "Tom & Zoë:\n1 + 1"


def written(body: bytes, change: Callable[[Pairs], Pairs]) -> bytes:
    return urlencode(change(parse_qsl(body.decode(), keep_blank_values=True))).encode()


@settings(max_examples=25, deadline=None)
@given(URL_CHANGES)
def test_changed_url_is_found_and_the_advised_setting_cures_it(change: Change) -> None:
    request = signed(change.signed_url)
    capture = captured(change.seen_url, request)
    diagnosis = a_doctor().diagnose(capture, ChannelType.SMS)
    assert diagnosis.causes == (change.cause,)
    assert diagnosis.setting is not None
    cured = a_doctor(read_settings(dict([diagnosis.setting])))
    assert cured.diagnose(capture, ChannelType.SMS).status is DiagnosisStatus.ACCEPTED


@settings(max_examples=25, deadline=None)
@given(URL_CHANGES, st.sampled_from(sorted(BODY_CHANGES)))
def test_url_and_body_that_are_changed_both_are_found(change: Change, in_body: Cause) -> None:
    request = signed(change.signed_url, TEXT)
    body = written(request.body, BODY_CHANGES[in_body])
    capture = captured(change.seen_url, request, body)
    diagnosis = a_doctor().diagnose(capture, ChannelType.SMS)
    assert {*diagnosis.causes} == {change.cause, in_body}


@settings(max_examples=3, deadline=None)
@given(st.text(min_size=2, max_size=40).filter(lambda text: text.isalnum() and text != "Hello"))
def test_another_text_is_never_explained(text: str) -> None:
    request = signed(SEEN, "Hello")
    body = request.body.replace(b"Body=Hello", urlencode({"Body": text}).encode())
    diagnosis = a_doctor().diagnose(captured(SEEN, request, body), ChannelType.SMS)
    assert diagnosis.status is DiagnosisStatus.UNEXPLAINED
    assert diagnosis.causes == ()
    assert 1000 < diagnosis.tried <= 30_000
