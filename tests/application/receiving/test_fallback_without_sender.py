"""An unknown sender on a channel that has no fallback sender."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from application.ports.fallback_sender import FallbackSender
from domain.channels import ChannelType
from domain.errors import SecretsUnavailableError
from tests.application.frontdesk import FrontDesk
from tests.builders import a_tenant, an_inbound_message


def no_sender() -> None:
    return None


def unreadable_secrets() -> None:
    raise SecretsUnavailableError("no answer")


@pytest.mark.parametrize("sender", [no_sender, unreadable_secrets])
def test_fallback_without_a_sender_is_counted_and_acquires_no_throttle(
    sender: Callable[[], FallbackSender | None], caplog: pytest.LogCaptureFixture
) -> None:
    frontdesk = FrontDesk()
    answer = frontdesk.record_message.send_fallback
    without = replace(answer, senders=dict.fromkeys(ChannelType, sender))

    with caplog.at_level(logging.INFO):
        without(an_inbound_message(), a_tenant())

    assert frontdesk.metrics.total("Fallbacks", channel="sms", reason="no_sender") == 1
    (decided,) = [record for record in caplog.records if record.message == "fallback decided"]
    assert decided.__dict__["reason"] == "no_sender"

    answer(an_inbound_message(), a_tenant())
    assert len(frontdesk.sender.sent) == 1
