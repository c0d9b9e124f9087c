"""What is refused, and that nothing of it is kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.end_to_end.answers import (
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
from tests.end_to_end.conftest import Serve
from tests.end_to_end.desk import Desk
from tests.end_to_end.providers import Providers
from tests.end_to_end.test_answers import a_form

STRANGER = Providers.numbered(99)


# 401


def _without(webhook: SimulatedRequest, *headers: str) -> SimulatedRequest:
    retained = {
        name: value for name, value in webhook.headers.items() if name.lower() not in headers
    }
    assert len(retained) < len(webhook.headers)
    return replace(webhook, headers=retained)


def _without_signature(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return _without(desk.webhook(channel), "x-twilio-signature", SIGNATURE_HEADER)


def _tampered(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return desk.webhook(channel, tamper=True)


def _with_another_body(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return replace(desk.webhook(channel), body=desk.webhook(channel, body="Other").body)


def _of_an_unknown_account(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return STRANGER.webhook(desk.url(channel), channel)


def _with_nothing_in_it(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return SimulatedRequest(desk.url(channel), {}, b"")


def _for_another_path(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return replace(desk.webhook(channel), url=desk.url(f"/stage/webhooks/{channel}"))


def _with_another_token(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    forger = replace(desk.providers, auth_token=STRANGER.auth_token)
    return forger.webhook(desk.url(channel), channel)


def _without_account(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return desk.providers.form(desk.url(channel), {"Body": "Hi"})


def _without_timestamp(desk: Desk, channel: ChannelType) -> SimulatedRequest:
    return _without(desk.webhook(channel), TIMESTAMP_HEADER)


def _signed(desk: Desk, channel: ChannelType, *, hours_from_now: int) -> SimulatedRequest:
    return desk.webhook(channel, now=datetime.now(UTC) + timedelta(hours=hours_from_now))


Forge = Callable[[Desk, ChannelType], SimulatedRequest]
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
    desk: Desk, channels: tuple[ChannelType, ...], forge: Forge
) -> None:
    for channel in channels:
        desk.open(channel)
    webhooks = [forge(desk, channel) for channel in channels]
    before = desk.retained()

    answers = [desk.post(webhook).shown for webhook in webhooks]

    assert answers == [INVALID_SIGNATURE] * len(channels)
    assert desk.retained() == before


@pytest.mark.parametrize("hours", [-95, 95])
def test_mail_within_the_timestamp_tolerance_is_accepted(desk: Desk, hours: int) -> None:
    assert desk.post(_signed(desk, EMAIL, hours_from_now=hours)).shown == SUCCESS


# 404 and 405


@pytest.mark.parametrize(
    "path", ["/", "/webhooks", "/webhooks/voice", "/smsx", "/webhooks/sms.php"]
)
def test_path_without_a_channel_is_refused_with_404(desk: Desk, path: str) -> None:
    webhook = desk.providers.webhook(desk.url(path), SMS)
    before = desk.retained()
    answers = [desk.post(webhook, method).shown for method in ("POST", "GET")]
    assert answers == [UNSUPPORTED_CHANNEL] * 2
    assert desk.retained() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_method_other_than_post_is_refused_with_the_allowed_method(desk: Desk, method: str) -> None:
    webhooks = [desk.webhook(channel) for channel in ChannelType]
    before = desk.retained()

    answers = [desk.post(webhook, method) for webhook in webhooks]

    status, content_type, body = METHOD_NOT_ALLOWED
    shown = status, content_type, b"" if method == "HEAD" else body
    assert [answer.shown for answer in answers] == [shown] * 3
    assert {answer.headers["allow"] for answer in answers} == {"POST"}
    assert desk.retained() == before


# 413


def _form_of(desk: Desk, size_fields: int) -> SimulatedRequest:
    fields = a_form(desk)
    more = {f"Field{number}": "x" for number in range(size_fields - len(fields))}
    return desk.providers.form(desk.url(SMS), fields | more)


@every_channel
@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_the_limit_is_refused_and_nothing_is_stored(
    serve: Serve, channel: ChannelType, chunked: bool
) -> None:
    desk = serve({"MAX_BODY_BYTES": "20000"})
    webhook = desk.webhook(channel, body="x" * 20_000)
    before = desk.retained()

    answer = desk.post(webhook, chunked=chunked)

    assert answer.shown == TOO_LARGE
    assert desk.retained() == before


@pytest.mark.parametrize(("size_bytes", "status"), [(1_000_000, 200), (1_048_576, 413)])
def test_twilio_form_of_more_than_a_mebibyte_is_refused(
    desk: Desk, size_bytes: int, status: int
) -> None:
    assert desk.post(desk.webhook(SMS, body="x" * size_bytes)).status == status


@pytest.mark.parametrize(("size_fields", "status"), [(500, 200), (501, 413)])
def test_twilio_form_of_more_than_500_fields_is_refused(
    desk: Desk, size_fields: int, status: int
) -> None:
    assert desk.post(_form_of(desk, size_fields)).status == status
    assert len(desk.unmatched()) == (status == 200)
