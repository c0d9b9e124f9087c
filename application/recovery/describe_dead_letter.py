"""Describe a dead letter: what its messages say of themselves today."""

from contextlib import suppress
from dataclasses import dataclass

from application.ports.dead_letters import DeadLetter
from application.ports.message_store import MessageStore
from application.ports.webhook_parser import VerifiedWebhook, WebhookParserFactory
from domain.channels import ChannelType
from domain.errors import WebhookHandlerError, safe_reason
from domain.messages import InboundMessage, MessageRecord


@dataclass(frozen=True, slots=True)
class DescribedDeadLetter:
    """A dead letter with the messages in it.

    There are none where it cannot be read, and no ``channel`` where not even that is known.
    ``failure`` is the error that reading its webhook gives today, without any content.
    """

    dead_letter: DeadLetter
    channel: ChannelType | None
    messages: tuple[InboundMessage, ...] = ()
    failure: str | None = None

    @property
    def senders(self) -> tuple[str, ...]:
        """The addresses of those who wrote them."""
        return tuple(dict.fromkeys(message.sender.value for message in self.messages))

    @property
    def account(self) -> str | None:
        """The provider account that signed the webhook."""
        webhook = self.dead_letter.webhook
        return webhook.account if webhook else None


@dataclass(frozen=True)
class DescribeDeadLetter:
    """Reads a dead letter as its channel would today, or the message that it names."""

    parsers: WebhookParserFactory
    messages: MessageStore

    def __call__(self, dead_letter: DeadLetter) -> DescribedDeadLetter:
        """Never raises: what cannot be read now has no messages."""
        if dead_letter.webhook is not None:
            return self._read(dead_letter, dead_letter.webhook)
        if dead_letter.request_id is not None:
            # Dead letters can be listed although the store is down.
            with suppress(WebhookHandlerError):
                record = self.messages.find_record(dead_letter.request_id)
                if isinstance(record, MessageRecord):
                    message = record.message
                    return DescribedDeadLetter(dead_letter, message.channel, (message,))
        return DescribedDeadLetter(dead_letter, None)

    def _read(self, dead_letter: DeadLetter, webhook: VerifiedWebhook) -> DescribedDeadLetter:
        try:
            parsed = self.parsers.for_channel(webhook.channel).parse(webhook)
        except Exception as error:
            # A bug in reading it may be the very reason why it is a dead letter.
            failure = safe_reason(error)
            return DescribedDeadLetter(dead_letter, webhook.channel, failure=failure)
        messages = tuple(one.message for one in parsed)
        return DescribedDeadLetter(dead_letter, webhook.channel, messages)
