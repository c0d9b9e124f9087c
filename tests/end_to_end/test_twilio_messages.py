"""Webhooks of Twilio that look odd: what is signed and new is a message, whatever it says."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest

from domain.channels import ChannelType
from domain.context import MessageContext
from domain.conversations import Conversation
from infrastructure.channels.provider import SimulatedRequest
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import MANY, RunningFrontDesk, on_aws_too
from tests.end_to_end.responses import SMS, TWIML, WHATSAPP
from tests.infrastructure.channels.twilio.webhooks import PAYLOADS

NO_MESSAGES = ("status_callback", "event")
CALLBACKS = sorted(
    path.stem for path in PAYLOADS.glob("*.form") if path.stem.startswith(NO_MESSAGES)
)
CALLBACK_STATUSES = (
    *("accepted", "scheduled", "queued", "sending", "sent", "delivered", "undelivered", "failed"),
    *("read", "canceled", "partially_delivered"),
)
OTHER = "+14155550199"


def fields_of(frontdesk: RunningFrontDesk, name: str, **changes: str) -> dict[str, str]:
    """The fields of a payload, of this server's account."""
    fields = dict(parse_qsl((PAYLOADS / f"{name}.form").read_text(), keep_blank_values=True))
    return {**fields, "AccountSid": frontdesk.providers.account_sid, **changes}


def signed(
    frontdesk: RunningFrontDesk, fields: Mapping[str, str], channel: ChannelType = SMS
) -> SimulatedRequest:
    return frontdesk.providers.form(frontdesk.url(channel), fields)


def conversations(frontdesk: RunningFrontDesk) -> tuple[Conversation, ...]:
    return frontdesk.container.conversation_store().list_conversations(MANY).items


def the_message(frontdesk: RunningFrontDesk, queue: str) -> MessageContext:
    """The only message on all queues, which is on ``queue``."""
    ((name, (context,)),) = frontdesk.contexts().items()
    assert name == queue
    return context.message


@pytest.mark.parametrize("name", CALLBACKS)
def test_webhook_without_a_message_is_counted_and_leaves_nothing(serve: Serve, name: str) -> None:
    frontdesk = serve({"UNKNOWN_SENDER": "open"})
    webhook = signed(frontdesk, fields_of(frontdesk, name))

    assert frontdesk.post(webhook).shown == TWIML

    assert (conversations(frontdesk), frontdesk.unmatched()) == ((), [])
    assert (frontdesk.contexts(), frontdesk.dead_letters()) == ({}, ())
    dimensions = {"channel": "sms", "outcome": "status_callback"}
    assert frontdesk.counted("WebhooksReceived", **dimensions) == 1
    assert frontdesk.counted("Fallbacks") == 0


@pytest.mark.parametrize("field", ["MessageStatus", "SmsStatus"])
def test_each_status_of_a_sent_message_is_known(frontdesk: RunningFrontDesk, field: str) -> None:
    for status in CALLBACK_STATUSES:
        fields = fields_of(frontdesk, "sms", **{"SmsStatus": "", field: status})
        assert frontdesk.post(signed(frontdesk, fields)).shown == TWIML
    assert frontdesk.unmatched() == []


@pytest.mark.parametrize("status", ["received", "receiving", "", "Delivered", "new_status"])
def test_any_other_status_is_that_of_a_message(frontdesk: RunningFrontDesk, status: str) -> None:
    frontdesk.given_conversation(SMS)
    fields = fields_of(frontdesk, "sms", SmsStatus=status)
    assert frontdesk.post(signed(frontdesk, fields)).shown == TWIML
    assert the_message(frontdesk, "sms-replies").message_id == fields["MessageSid"]


@pytest.mark.parametrize(
    ("name", "channel", "sender"),
    [
        ("sms_status_that_is_new", SMS, "+14155550123"),
        ("whatsapp_profile_named_body", WHATSAPP, "+14155550123"),
        ("rcs_button_without_body", SMS, "rcs:+14155550123"),
        ("sms_new_parameters", SMS, "+14155550123"),
        ("whatsapp_parent_user_id", WHATSAPP, "US.55"),
        ("mms_group", SMS, "+14155550123"),
    ],
)
def test_odd_but_certain_message_is_answered_by_the_ai(
    frontdesk: RunningFrontDesk, name: str, channel: ChannelType, sender: str
) -> None:
    fields = fields_of(frontdesk, name)
    recipient = fields["To"].removeprefix("whatsapp:")
    frontdesk.given_conversation(channel, sender_id=sender, recipient_id=recipient)

    assert frontdesk.post(signed(frontdesk, fields, channel)).shown == TWIML

    message = the_message(frontdesk, f"{channel}-replies")
    assert message.body == fields.get("Body", "")
    assert "regrouping_suspected" not in message.metadata


def test_new_parameters_are_kept(frontdesk: RunningFrontDesk) -> None:
    frontdesk.given_conversation(SMS)
    frontdesk.post(signed(frontdesk, fields_of(frontdesk, "sms_new_parameters")))
    assert the_message(frontdesk, "sms-replies").metadata["provider"] == {
        "riskScore": "5",
        "Carrier-Name": "x",
        "Tags[0]": "a",
        "Größe": "1",
    }


def test_parent_user_id_leads_to_the_conversation_of_its_sender(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(WHATSAPP, sender_id="US.ENT.5", recipient_id="+15005550006")
    fields = fields_of(frontdesk, "whatsapp_parent_user_id")
    frontdesk.post(signed(frontdesk, fields, WHATSAPP))
    assert the_message(frontdesk, "whatsapp-replies").body == "hi"


def test_context_names_the_others_of_a_group(frontdesk: RunningFrontDesk) -> None:
    frontdesk.given_conversation(SMS)
    frontdesk.post(signed(frontdesk, fields_of(frontdesk, "mms_group")))
    others = the_message(frontdesk, "sms-replies").metadata["group_recipients"]
    assert others == ["+14155550140", "+14155550141", "+14155550142", "+14155550150"]


@pytest.mark.parametrize(
    "name", ["sms_pasted_keys", "sms_pasted_fields", "sms_pasted_signature_base"]
)
def test_text_that_looks_like_other_fields_goes_to_a_human(
    frontdesk: RunningFrontDesk, name: str
) -> None:
    frontdesk.given_conversation(SMS)
    fields = fields_of(frontdesk, name)

    assert frontdesk.post(signed(frontdesk, fields)).shown == TWIML

    message = the_message(frontdesk, "sms-handoff")
    assert message.body == fields["Body"]
    assert message.metadata["regrouping_suspected"] is True
    assert frontdesk.dead_letters() == ()


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("sms_from_a_mailbox", SMS),
        ("sms_long_sender_name", SMS),
        ("sms_other_service_id", SMS),
        ("whatsapp_user_name", WHATSAPP),
    ],
)
def test_address_or_service_of_an_unknown_form_goes_to_a_human(
    serve: Serve, name: str, channel: ChannelType
) -> None:
    frontdesk = serve({"UNKNOWN_SENDER": "open"})
    fields = fields_of(frontdesk, name)
    for number in range(2):
        webhook = signed(frontdesk, {**fields, "MessageSid": f"SM{number:032x}"}, channel)
        assert [frontdesk.post(webhook).shown for _ in range(2)] == [TWIML] * 2

    (conversation,) = conversations(frontdesk)
    assert conversation.sender_id == fields["From"].removeprefix("whatsapp:")
    ((queue, contexts),) = frontdesk.contexts().items()
    assert queue == f"{channel}-handoff"
    assert [context.message.body for context in contexts] == [fields["Body"]] * 2
    assert frontdesk.dead_letters() == ()


@pytest.mark.parametrize(
    "name", ["conversation_message", "conversation_media", "conversation_added_by_a_message"]
)
def test_text_of_twilio_conversations_is_kept_as_a_dead_letter(
    frontdesk: RunningFrontDesk, name: str
) -> None:
    webhook = signed(frontdesk, fields_of(frontdesk, f"unreadable_{name}"))
    assert frontdesk.post(webhook).shown == TWIML
    (dead_letter,) = frontdesk.dead_letters()
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request.body == webhook.body


@pytest.mark.parametrize("name", [path for path in CALLBACKS if path.startswith("event")])
def test_message_that_names_another_event_is_a_message(
    frontdesk: RunningFrontDesk, name: str
) -> None:
    frontdesk.given_conversation(SMS)
    fields = {**fields_of(frontdesk, name), **fields_of(frontdesk, "sms_without_body")}
    assert frontdesk.post(signed(frontdesk, fields)).shown == TWIML
    assert the_message(frontdesk, "sms-replies").message_id == fields["MessageSid"]


def a_captured_webhook(frontdesk: RunningFrontDesk) -> tuple[SimulatedRequest, SimulatedRequest]:
    """A message, and the same text as one of another sender."""
    sent = fields_of(frontdesk, "sms", Body=f"hiFrom{OTHER}FromA")
    forged = {**sent, "Body": "hi", "From": OTHER, "FromA": f"From{sent['From']}"}
    webhook, copy = signed(frontdesk, sent), signed(frontdesk, forged)
    assert webhook.headers == copy.headers
    return webhook, copy


@on_aws_too
def test_regrouped_copy_of_a_recorded_message_is_noted_and_changes_nothing(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(SMS)
    webhook, copy = a_captured_webhook(frontdesk)

    assert [frontdesk.post(one).shown for one in (webhook, copy, copy)] == [TWIML] * 3

    assert the_message(frontdesk, "sms-handoff").body == f"hiFrom{OTHER}FromA"
    (dead_letter,) = frontdesk.dead_letters()
    assert dead_letter.reason == "this message id was recorded with other fields before"
    assert frontdesk.unmatched() == []


def test_message_that_comes_after_its_regrouped_copy_is_noted(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(SMS)
    webhook, copy = a_captured_webhook(frontdesk)

    assert [frontdesk.post(one).shown for one in (copy, webhook)] == [TWIML] * 2

    (message,) = frontdesk.unmatched()
    assert message.regrouping_suspected
    (dead_letter,) = frontdesk.dead_letters()
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request.body == webhook.body


@pytest.mark.parametrize(
    ("query", "chosen"), [("?ref=1", ""), ("", "/whatsapp?x")], ids=["query", "path"]
)
def test_fields_that_were_moved_into_the_url_go_to_a_human(
    serve: Serve, query: str, chosen: str
) -> None:
    frontdesk = serve({"UNKNOWN_SENDER": "open"})
    account, url = frontdesk.providers.account_sid, frontdesk.url(WHATSAPP) + query
    forged = {"AccountSid": account, "Body": "pay", "From": f"whatsapp:{OTHER}"}
    forged |= {"MessageSid": f"SM{9:032x}", "NumMedia": "0"}
    name = chosen + "".join(map("".join, forged.items()))
    sent = fields_of(frontdesk, "whatsapp_text", Body="hi", ProfileName=name, ChannelMetadata="")
    in_order = sorted(sent.items())
    position = in_order.index(("ProfileName", name))
    swallowed = "".join(map("".join, in_order[:position])) + "ProfileName" + chosen
    copy = frontdesk.providers.form(url + swallowed, {**forged, **dict(in_order[position + 1 :])})
    assert copy.headers == frontdesk.providers.form(url, sent).headers

    assert frontdesk.post(copy).shown == TWIML

    message = the_message(frontdesk, "whatsapp-handoff")
    assert message.metadata["regrouping_suspected"] is True


def test_copy_with_equal_fields_stays_a_duplicate(frontdesk: RunningFrontDesk) -> None:
    frontdesk.given_conversation(SMS)
    fields = fields_of(frontdesk, "sms")
    again = {**fields, "Zone": "1"}

    for form in (fields, fields, again):
        assert frontdesk.post(signed(frontdesk, form)).shown == TWIML

    assert the_message(frontdesk, "sms-replies").body == fields["Body"]
    assert frontdesk.dead_letters() == ()


@on_aws_too
def test_repeated_webhook_of_each_payload_is_a_duplicate(frontdesk: RunningFrontDesk) -> None:
    names = [path.stem for path in sorted(PAYLOADS.glob("*.form"))]
    names = [name for name in names if not name.startswith(("unreadable", *NO_MESSAGES))]
    for number, name in enumerate(names):
        webhook = signed(frontdesk, fields_of(frontdesk, name, MessageSid=f"SM{number:032x}"))
        assert [frontdesk.post(webhook).shown for _ in range(2)] == [TWIML] * 2
    assert frontdesk.counted("Duplicates") == len(names) > 20
    assert frontdesk.dead_letters() == ()


def test_unknown_sender_has_one_conversation_with_a_messaging_service(serve: Serve) -> None:
    frontdesk = serve({"UNKNOWN_SENDER": "open"})
    for number, recipient in enumerate(("+15005550006", "+15005550007")):
        fields = fields_of(
            frontdesk, "sms_messaging_service", To=recipient, MessageSid=f"SM{number:032x}"
        )
        assert frontdesk.post(signed(frontdesk, fields)).shown == TWIML

    (conversation,) = conversations(frontdesk)
    assert conversation.recipient_id == fields["MessagingServiceSid"]
    assert len(frontdesk.contexts()["sms-replies"]) == 2
