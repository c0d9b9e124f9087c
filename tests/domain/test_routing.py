"""Who must answer, and when."""

from datetime import timedelta

import pytest

from domain.channels import ChannelType
from domain.routing import ALL_QUEUES, RoutingPolicy, UnauthenticatedMail
from tests.builders import NOW, a_conversation, an_inbound_message


@pytest.mark.parametrize("channel", ChannelType)
def test_without_hand_off_the_ai_answers_after_the_delay(channel: ChannelType) -> None:
    route = RoutingPolicy().route(an_inbound_message(channel), a_conversation(channel), NOW)
    assert (str(route.queue), route.delay) == (f"{channel}-replies", timedelta(seconds=30))


@pytest.mark.parametrize("channel", ChannelType)
def test_with_hand_off_a_human_answers_at_once(channel: ChannelType) -> None:
    conversation = a_conversation(channel, hand_off_to_human=True)
    route = RoutingPolicy().route(an_inbound_message(channel), conversation, NOW)
    assert (str(route.queue), route.delay) == (f"{channel}-handoff", timedelta(0))


@pytest.mark.parametrize(("waited", "left"), [(0, 30), (12, 18), (30, 0), (3600, 0), (-5, 30)])
def test_a_late_publish_waits_only_for_what_is_left(waited: int, left: int) -> None:
    now = NOW + timedelta(seconds=waited)
    route = RoutingPolicy().route(an_inbound_message(), a_conversation(), now)
    assert route.delay == timedelta(seconds=left)


def test_the_delay_is_the_operators() -> None:
    policy = RoutingPolicy(reply_delay=timedelta(seconds=5))
    route = policy.route(an_inbound_message(), a_conversation(), NOW)
    assert route.delay == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("choice", "queue"),
    [
        (UnauthenticatedMail.HANDOFF, "email-handoff"),
        (UnauthenticatedMail.DEAD_LETTER, "email-handoff"),
        (UnauthenticatedMail.ACCEPT, "email-replies"),
    ],
)
def test_mail_that_nobody_vouches_for_goes_to_a_human(
    choice: UnauthenticatedMail, queue: str
) -> None:
    mail = an_inbound_message(ChannelType.EMAIL, author_authenticated=False)
    policy = RoutingPolicy(unauthenticated_mail=choice)
    assert str(policy.route(mail, a_conversation(ChannelType.EMAIL), NOW).queue) == queue


def test_there_are_six_queues() -> None:
    assert [str(queue) for queue in ALL_QUEUES] == [
        *("whatsapp-replies", "whatsapp-handoff"),
        *("sms-replies", "sms-handoff"),
        *("email-replies", "email-handoff"),
    ]
