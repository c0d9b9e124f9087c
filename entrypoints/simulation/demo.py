"""A conversation on each channel, so that there is something to try."""

from application.conversations.open_conversation import OpenConversation
from domain.channels import ChannelType
from domain.conversations import Conversation

DEMO_SENDERS = {channel: channel.rules.example_sender for channel in ChannelType}
DEMO_RECIPIENTS = {channel: channel.rules.example_recipient for channel in ChannelType}
DEMO_TEXT = "Is my order on its way?"


def open_demo(open_conversation: OpenConversation) -> list[tuple[Conversation, bool]]:
    """The conversations of the demo, and of each whether it is new."""
    return [
        open_conversation(
            Conversation(
                conversation_id="",
                primary_channel=channel,
                sender_id=DEMO_SENDERS[channel],
                recipient_id=DEMO_RECIPIENTS[channel],
            )
        )
        for channel in ChannelType
    ]
