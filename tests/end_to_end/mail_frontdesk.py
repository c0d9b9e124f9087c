"""A front desk in this process that gets mail over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from application.ports.context_queue import DelayedReader
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.messages import InboundMessage
from domain.queues import QueueKind, QueueName
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.faults.in_process import HttpRequest, InProcessFrontDesk, in_process_frontdesk


@dataclass(frozen=True)
class MailFrontDesk:
    """Opens a conversation for every sender, and signs what is posted to it."""

    frontdesk: InProcessFrontDesk

    def post(self, form: bytes) -> int:
        """The status of the response to ``form``."""
        data_dir = self.frontdesk.container.settings().data_dir
        providers = Providers.of(keep_development_credentials(data_dir))
        webhook = providers.multipart_body("http://internal/webhooks/email", form)
        headers = tuple(webhook.headers.items())
        return self.frontdesk.post(HttpRequest("/webhooks/email", webhook.body, headers))

    def contexts(self, kind: QueueKind) -> list[ContextObject]:
        """What is on the queue for email of this kind."""
        queue = self.frontdesk.container.context_queue()
        assert isinstance(queue, DelayedReader)
        deliveries = queue.receive_with_delayed(QueueName(ChannelType.EMAIL, kind), 100)
        return [delivery.context for delivery in deliveries]

    def unmatched(self) -> list[InboundMessage]:
        """What belongs to no conversation."""
        page = self.frontdesk.container.message_store().list_unmatched(100)
        return [record.message for record in page.items]

    def dead_letter_count(self) -> int:
        """How many mails could not be read."""
        return self.frontdesk.stored_counts().dead_letters


@contextmanager
def mail_frontdesk(data_dir: Path) -> Iterator[MailFrontDesk]:
    """A front desk for mail."""
    with in_process_frontdesk(data_dir, {"UNKNOWN_SENDER": "open"}) as frontdesk:
        yield MailFrontDesk(frontdesk)
