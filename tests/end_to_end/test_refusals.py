"""Refused requests, of which nothing is stored."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import (
    EMAIL,
    INVALID_SIGNATURE,
    METHOD_NOT_ALLOWED,
    SMS,
    SUCCESS,
    TOO_LARGE,
    UNSUPPORTED_CHANNEL,
    WHATSAPP,
    every_channel,
)
from tests.end_to_end.test_acknowledgements import a_form

STRANGER = Providers.numbered(99)


# 401


def _without(webhook: SimulatedRequest, *headers: str) -> SimulatedRequest:
    remaining = {
        name: value for name, value in webhook.headers.items() if name.lower() not in headers
    }
    assert len(remaining) < len(webhook.headers)
    return replace(webhook, headers=remaining)


def _without_signature(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return _without(frontdesk.webhook(channel), "x-twilio-signature", SIGNATURE_HEADER)


def _tampered(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return frontdesk.webhook(channel, tamper=True)


def _with_another_body(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return replace(frontdesk.webhook(channel), body=frontdesk.webhook(channel, body="Other").body)


def _of_an_unknown_account(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return STRANGER.webhook(frontdesk.url(channel), channel)


def _with_nothing_in_it(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return SimulatedRequest(frontdesk.url(channel), {}, b"")


def _for_another_path(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return replace(frontdesk.webhook(channel), url=frontdesk.url(f"/stage/webhooks/{channel}"))


def _with_another_token(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    forger = replace(frontdesk.providers, auth_token=STRANGER.auth_token)
    return forger.webhook(frontdesk.url(channel), channel)


def _without_account(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return frontdesk.providers.form(frontdesk.url(channel), {"Body": "Hi"})


def _without_timestamp(frontdesk: RunningFrontDesk, channel: ChannelType) -> SimulatedRequest:
    return _without(frontdesk.webhook(channel), TIMESTAMP_HEADER)


def _signed(
    frontdesk: RunningFrontDesk, channel: ChannelType, *, hours_from_now: int
) -> SimulatedRequest:
    return frontdesk.webhook(channel, now=datetime.now(UTC) + timedelta(hours=hours_from_now))


Forge = Callable[[RunningFrontDesk, ChannelType], SimulatedRequest]
EVERY_CHANNEL, TWILIOS_CHANNELS = tuple(ChannelType), (SMS, WHATSAPP)
FORGERIES: dict[str, tuple[tuple[ChannelType, ...], Forge]] = {
    "signature missing": (EVERY_CHANNEL, _without_signature),
    "signature wrong": (EVERY_CHANNEL, _tampered),
    "signed for another body": (EVERY_CHANNEL, _with_another_body),
    "account unknown": (EVERY_CHANNEL, _of_an_unknown_account),
    "nothing in it": (EVERY_CHANNEL, _with_nothing_in_it),
    "signed for another path": (TWILIOS_CHANNELS, _for_another_path),
    "signed with another's token": (TWILIOS_CHANNELS, _with_another_token),
    "no account in it": (TWILIOS_CHANNELS, _without_account),
    "timestamp missing": ((EMAIL,), _without_timestamp),
    "timestamp too old": ((EMAIL,), partial(_signed, hours_from_now=-97)),
    "timestamp too far ahead": ((EMAIL,), partial(_signed, hours_from_now=97)),
}


@pytest.mark.parametrize(("channels", "forge"), FORGERIES.values(), ids=FORGERIES)
def test_forged_webhook_is_refused_and_nothing_is_stored(
    frontdesk: RunningFrontDesk, channels: tuple[ChannelType, ...], forge: Forge
) -> None:
    for channel in channels:
        frontdesk.given_conversation(channel)
    webhooks = [forge(frontdesk, channel) for channel in channels]
    before = frontdesk.stored_state()

    responses = [frontdesk.post(webhook).shown for webhook in webhooks]

    assert responses == [INVALID_SIGNATURE] * len(channels)
    assert frontdesk.stored_state() == before


REASONS = {
    "signature missing": "signature_missing",
    "signature wrong": "signature_mismatch",
    "signed for another body": "signature_mismatch",
    "account unknown": "account_unknown",
    "nothing in it": "account_unknown",
    "signed for another path": "signature_mismatch",
    "signed with another's token": "signature_mismatch",
    "no account in it": "account_unknown",
    "timestamp missing": "timestamp_missing",
    "timestamp too old": "timestamp_outside_tolerance",
    "timestamp too far ahead": "timestamp_outside_tolerance",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items(), ids=REASONS)
def test_forged_webhook_is_a_refusal_with_its_reason(
    frontdesk: RunningFrontDesk, name: str, reason: str
) -> None:
    channels, forge = FORGERIES[name]
    for channel in channels:
        for _ in range(2):
            frontdesk.post(forge(frontdesk, channel))
    found = {
        (one.channel, one.reason, one.count) for one in frontdesk.container.refusals().latest()
    }
    if name == "account unknown":  # a signature of SendGrid's names no account
        found = {(channel, reason, count) for channel, _, count in found}
    assert found == {(channel, reason, 2) for channel in channels}


def test_refusal_has_the_url_that_was_checked_without_values_of_its_query(
    frontdesk: RunningFrontDesk,
) -> None:
    webhook = frontdesk.providers.webhook(f"{frontdesk.url(SMS)}?token=secret", SMS, tamper=True)
    frontdesk.post(webhook)
    (refusal,) = frontdesk.container.refusals().latest()
    assert refusal.account == frontdesk.providers.account_sid
    assert f"{frontdesk.origin}/webhooks/sms?token=*" in refusal.tried_urls.split()
    assert "secret" not in repr(refusal)


def test_accepted_webhooks_leave_no_refusal_and_no_file(frontdesk: RunningFrontDesk) -> None:
    for channel in ChannelType:
        assert frontdesk.post(frontdesk.webhook(channel)).status == 200
    assert frontdesk.container.refusals().latest() == ()
    assert not (frontdesk.data_dir / "refusals").exists()


@pytest.mark.parametrize("hours", [-95, 95])
def test_mail_within_the_timestamp_tolerance_is_accepted(
    frontdesk: RunningFrontDesk, hours: int
) -> None:
    assert frontdesk.post(_signed(frontdesk, EMAIL, hours_from_now=hours)).shown == SUCCESS


# 404 and 405


@pytest.mark.parametrize(
    "path", ["/other", "/webhooks", "/webhooks/voice", "/smsx", "/webhooks/sms.php"]
)
def test_path_without_a_channel_is_refused_with_404(frontdesk: RunningFrontDesk, path: str) -> None:
    webhook = frontdesk.providers.webhook(frontdesk.url(path), SMS)
    before = frontdesk.stored_state()
    responses = [frontdesk.post(webhook, method).shown for method in ("POST", "GET")]
    assert responses == [UNSUPPORTED_CHANNEL] * 2
    assert frontdesk.stored_state() == before
    (refusal,) = frontdesk.container.refusals().latest()
    assert (refusal.channel, refusal.reason, refusal.count) == (None, "path_unknown", 2)
    assert path not in repr(refusal)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_method_other_than_post_is_refused_with_the_allowed_method(
    frontdesk: RunningFrontDesk, method: str
) -> None:
    webhooks = [frontdesk.webhook(channel) for channel in ChannelType]
    before = frontdesk.stored_state()

    responses = [frontdesk.post(webhook, method) for webhook in webhooks]

    status, content_type, body = METHOD_NOT_ALLOWED
    shown = status, content_type, b"" if method == "HEAD" else body
    assert [response.shown for response in responses] == [shown] * 3
    assert {response.headers["allow"] for response in responses} == {"POST"}
    assert frontdesk.stored_state() == before


# 413


def _form_of(frontdesk: RunningFrontDesk, size_fields: int) -> SimulatedRequest:
    fields = a_form(frontdesk)
    more = {f"Field{number}": "x" for number in range(size_fields - len(fields))}
    return frontdesk.providers.form(frontdesk.url(SMS), fields | more)


@every_channel
@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_the_limit_is_refused_and_nothing_is_stored(
    serve: Serve, channel: ChannelType, chunked: bool
) -> None:
    frontdesk = serve({"MAX_BODY_BYTES": "20000"})
    webhook = frontdesk.webhook(channel, body="x" * 20_000)
    before = frontdesk.stored_state()

    response = frontdesk.post(webhook, chunked=chunked)

    assert response.shown == TOO_LARGE
    assert frontdesk.stored_state() == before
    assert frontdesk.counted("TooLarge", channel=channel) == 1
    (refusal,) = frontdesk.container.refusals().latest()
    assert (refusal.channel, refusal.reason, refusal.count) == (channel, "too_large", 1)
    assert (refusal.account, refusal.tried_urls) == ("", "")


@pytest.mark.parametrize(("size_bytes", "status"), [(1_000_000, 200), (1_048_576, 413)])
def test_twilio_form_of_more_than_a_mebibyte_is_refused(
    frontdesk: RunningFrontDesk, size_bytes: int, status: int
) -> None:
    assert frontdesk.post(frontdesk.webhook(SMS, body="x" * size_bytes)).status == status


@pytest.mark.parametrize(("size_fields", "status"), [(500, 200), (501, 413)])
def test_twilio_form_of_more_than_500_fields_is_refused(
    frontdesk: RunningFrontDesk, size_fields: int, status: int
) -> None:
    assert frontdesk.post(_form_of(frontdesk, size_fields)).status == status
    assert len(frontdesk.unmatched()) == (status == 200)
