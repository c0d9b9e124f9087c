"""Tell an unknown sender, at most once in a while, that nobody could be found for them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from application.clock import Clock
from application.ports.channels import AnswerSender
from application.ports.storage import AnswerClaims, Claim, ClaimLimits
from application.ports.telemetry import Metrics
from domain.addresses import ChannelType
from domain.automatic_answers import AutomaticAnswer, OwnAddresses, suppression_of_answer
from domain.automation import Suppression
from domain.errors import AnswerNotSentError, StorageUnavailableError
from domain.messages import InboundMessage
from domain.tenants import Tenant

logger = logging.getLogger(__name__)

_CLAIM_REFUSALS = {
    Claim.WITHIN_WINDOW: Suppression.ALREADY_ANSWERED,
    Claim.OVER_HOURLY_LIMIT: Suppression.HOURLY_LIMIT,
}


@dataclass(frozen=True)
class AnswerUnknownSender:
    """Sends the fallback. Would rather lose one than send two."""

    senders: Mapping[ChannelType, Callable[[], AnswerSender]]
    claims: AnswerClaims
    limits: ClaimLimits
    texts: Mapping[ChannelType, str]
    own_addresses: Callable[[], OwnAddresses]
    clock: Clock
    metrics: Metrics

    def __call__(self, message: InboundMessage, tenant: Tenant) -> None:
        """Answer ``message``, unless a rule, the sender's window or the hourly limit forbids it.

        Never raises: the message is recorded already, whatever becomes of the answer.
        """
        now = self.clock()
        if reason := suppression_of_answer(message, self.own_addresses(), now):
            self._report(message, reason=reason)
            return
        sender = claim_key(message)
        try:
            claim = self.claims.claim(sender, now, self.limits)
        except StorageUnavailableError:
            self._report(message, result="unclaimed")
            return
        if claim is not Claim.GRANTED:
            self._report(message, reason=_CLAIM_REFUSALS[claim])
            return
        self._report(message, result=self._send(message, tenant, sender))

    def _send(self, message: InboundMessage, tenant: Tenant, sender: str) -> str:
        try:
            self.senders[message.channel]().send(self._answer(message, tenant))
        except AnswerNotSentError:
            self._give_back(sender)
            return "not_sent"
        except Exception as error:
            # Whether it went out is unknown: the claim stays, so that nobody gets it twice.
            logger.warning("fallback may be lost", extra={"error": type(error).__name__})
            return "uncertain"
        return "sent"

    def _give_back(self, sender: str) -> None:
        try:
            self.claims.give_back(sender)
        except StorageUnavailableError:
            logger.warning("fallback claim could not be given back")

    def _answer(self, message: InboundMessage, tenant: Tenant) -> AutomaticAnswer:
        text = tenant.fallback_texts.get(message.channel) or self.texts[message.channel]
        is_mail = message.channel is ChannelType.EMAIL
        return AutomaticAnswer(
            channel=message.channel,
            account=message.account,
            to=message.sender.value if is_mail else message.sender_verbatim,
            sent_from=message.recipient.address if is_mail else message.recipient.verbatim,
            text=text,
            in_reply_to=message.provider_message_id if is_mail else None,
            references=message.thread_references,
        )

    def _report(self, message: InboundMessage, **result: str) -> None:
        self.metrics.count("Fallbacks", channel=message.channel, **result)
        logger.info(
            "fallback decided",
            extra={"channel": message.channel, "message_id": message.log_id, **result},
        )


def claim_key(message: InboundMessage) -> str:
    """One text per (channel, account, person): whoever has it was answered lately."""
    person = message.identities[0].counting_key
    return f"{message.channel}|{message.account}|{person}"
