"""Refusals of functions: Lambda has no disk that lasts, and their log has each of them."""

from datetime import datetime

from typing_extensions import override

from application.ports.refusals import Refusal, Refusals
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType

IN_THE_LOG = (
    "refusals of functions are lines of their log; in CloudWatch Logs Insights: "
    "fields @timestamp, channel, reason, tried_urls "
    '| filter message = "webhook handled" and outcome = "refused"'
)


class LoggedRefusals(Refusals):
    """Stores none: the log line of a refused webhook has the same facts."""

    @override
    def add(
        self,
        channel: ChannelType | None,
        account: str,
        reason: str,
        tried_urls: str,
        *,
        accepted_at: datetime | None = None,
        request: WebhookRequest | None = None,
    ) -> None:
        pass

    @override
    def latest(self) -> tuple[Refusal, ...]:
        return ()

    @override
    def notice(self) -> str | None:
        return IN_THE_LOG
