"""The queue that a message is routed to, and its delay."""

from datetime import timedelta

import pytest

from domain.channels import ChannelType
from domain.queues import ALL_QUEUES
from domain.routing import MailPolicy, RoutingPolicy
from tests.builders import NOW, a_conversation, an_inbound_message


@pytest.mark.parametrize("channel", ChannelType)
def test_message_without_hand_off_is_routed_to_replies_with_a_delay(channel: ChannelType) -> None:
    route = RoutingPolicy().route(an_inbound_message(channel), a_conversation(channel), NOW)
    assert (str(route.queue), route.delay) == (f"{channel}-replies", timedelta(seconds=30))


@pytest.mark.parametrize("channel", ChannelType)
def test_message_with_hand_off_is_routed_to_handoff_without_delay(channel: ChannelType) -> None:
    conversation = a_conversation(channel, hand_off_to_human=True)
    route = RoutingPolicy().route(an_inbound_message(channel), conversation, NOW)
    assert (str(route.queue), route.delay) == (f"{channel}-handoff", timedelta(0))


@pytest.mark.parametrize(("waited", "left"), [(0, 30), (12, 18), (30, 0), (3600, 0), (-5, 30)])
def test_late_publish_waits_only_for_the_rest_of_the_delay(waited: int, left: int) -> None:
    now = NOW + timedelta(seconds=waited)
    route = RoutingPolicy().route(an_inbound_message(), a_conversation(), now)
    assert route.delay == timedelta(seconds=left)


def test_operator_sets_the_reply_delay() -> None:
    policy = RoutingPolicy(reply_delay=timedelta(seconds=5))
    route = policy.route(an_inbound_message(), a_conversation(), NOW)
    assert route.delay == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("choice", "queue"),
    [
        (MailPolicy.HANDOFF, "email-handoff"),
        (MailPolicy.DEAD_LETTER, "email-handoff"),
        (MailPolicy.ACCEPT, "email-replies"),
    ],
)
def test_mail_with_unauthenticated_author_goes_to_handoff_unless_the_operator_accepts_it(
    choice: MailPolicy, queue: str
) -> None:
    mail = an_inbound_message(ChannelType.EMAIL, author_authenticated=False)
    policy = RoutingPolicy(unauthenticated_mail=choice)
    assert str(policy.route(mail, a_conversation(ChannelType.EMAIL), NOW).queue) == queue


@pytest.mark.parametrize("choice", MailPolicy)
def test_message_that_may_be_regrouped_goes_to_handoff(choice: MailPolicy) -> None:
    message = an_inbound_message(metadata={"regrouping_suspected": True})
    policy = RoutingPolicy(unauthenticated_mail=choice)
    assert str(policy.route(message, a_conversation(), NOW).queue) == "sms-handoff"


def test_each_channel_has_a_replies_and_a_handoff_queue() -> None:
    assert [str(queue) for queue in ALL_QUEUES] == [
        *("whatsapp-replies", "whatsapp-handoff"),
        *("sms-replies", "sms-handoff"),
        *("email-replies", "email-handoff"),
    ]
