"""What a trace says of a message on a queue, where its queue or its channel may surprise."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.clock import Deadline
from application.tracing.queue_conclusions import OnQueue, conclusion_on_queued
from application.tracing.queue_reasons import reason_of
from application.tracing.results import Conclusion
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from domain.routing import MailPolicy, RoutingPolicy
from domain.tenants import TenantDirectory
from tests.application.frontdesk import FrontDesk
from tests.builders import NOW, a_conversation, a_record, a_tenant, an_inbound_message

MESSAGE_ID = "SM00000000000000000000000000000001"


def conclusion_of(frontdesk: FrontDesk, text: str = MESSAGE_ID) -> Conclusion:
    (one,) = frontdesk.container.operations().trace_message()(text).messages
    return one.conclusion


def received(frontdesk: FrontDesk, channel: ChannelType) -> None:
    frontdesk.record_message(an_inbound_message(channel), Deadline.after())


def test_message_says_on_which_channel_it_came_if_the_customer_has_both() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    frontdesk.conversations.open_conversation(
        a_conversation(ChannelType.WHATSAPP, conversation_id="on-whatsapp")
    )
    received(frontdesk, ChannelType.SMS)
    assert (
        "It came by sms, so it is in the sms conversation conversation-1, not in the whatsapp "
        "conversation on-whatsapp of the same customer."
    ) in conclusion_of(frontdesk).sentence


def test_conversation_of_another_company_on_the_other_channel_is_not_named() -> None:
    tenants = (a_tenant(company_id="acme"), a_tenant(company_id="globex", accounts=frozenset()))
    frontdesk = FrontDesk(directory=TenantDirectory(tenants))
    frontdesk.given_conversation()
    others = a_conversation(ChannelType.WHATSAPP, conversation_id="of-globex", company_id="globex")
    frontdesk.conversations.open_conversation(others)
    received(frontdesk, ChannelType.SMS)
    assert "of-globex" not in conclusion_of(frontdesk).sentence


def test_whatsapp_message_says_what_makes_it_one() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation(ChannelType.WHATSAPP)
    received(frontdesk, ChannelType.WHATSAPP)
    sentence = conclusion_of(frontdesk).sentence
    assert "begin with 'whatsapp:', so it is a whatsapp message, whichever path" in sentence


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (1, "12:15:00 UTC). REPLY_DELAY_SECONDS makes it wait 15 min, so that"),
        (
            15.5,
            "runs. Before that it waited 15 min, which was REPLY_DELAY_SECONDS when it came.",
        ),
        (
            30,
            "or repair it. Before that it waited 15 min, which was REPLY_DELAY_SECONDS when it "
            "came.",
        ),
    ],
)
def test_long_delay_is_told_by_its_setting_after_it_is_over_too(minutes: float, words: str) -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    conversation = a_conversation()
    received(frontdesk, ChannelType.SMS)
    message = an_inbound_message()
    (waiting,) = frontdesk.queue.locate(message.request_id)
    waiting = replace(waiting, published_at=NOW, visible_at=NOW + timedelta(minutes=15))
    place = OnQueue(
        a_record(message, conversation.key), conversation, is_visible=True, waiting=waiting
    )
    now = NOW + timedelta(minutes=minutes)
    assert words in conclusion_on_queued(place, RoutingPolicy(), now).sentence


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (RoutingPolicy(), "it is mail of a mailing list, and AUTOMATED_MAIL=handoff"),
        (
            RoutingPolicy(automated_mail=MailPolicy.ACCEPT),
            "proves that example.com sent it, and UNAUTHENTICATED_MAIL=handoff",
        ),
        (
            RoutingPolicy(automated_mail=MailPolicy.ACCEPT, unauthenticated_mail=MailPolicy.ACCEPT),
            "hand-off was on when it came, or a setting sent such mail to a human then",
        ),
    ],
)
def test_doubtful_mail_names_the_setting_that_sends_it_to_a_human(
    policy: RoutingPolicy, words: str
) -> None:
    message = replace(
        an_inbound_message(ChannelType.EMAIL),
        author_authenticated=False,
        metadata={"automated": {"kind": "mailing_list"}},
    )
    conversation = a_conversation(ChannelType.EMAIL)
    record = a_record(message, conversation.key)
    queue = QueueName(ChannelType.EMAIL, QueueKind.HANDOFF)
    reason = reason_of(record, conversation, queue, policy, NOW)
    assert words in reason.because
    assert reason.commands[-1] == "frontdesk queues move email-handoff RECEIPT replies"
