"""Tell an unknown sender, at most once in a while, that nobody could be found for them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from application.clock import Clock
from application.ports.channels import AnswerSender
from application.ports.storage import AnswerClaims, Claim, ClaimLimits
from application.ports.telemetry import Metrics
from domain.addresses import Address, ChannelType
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
    """Sends the fallback. Would rather lose one than send two.

    Where there is nobody to send it for a channel, its sender is ``None``.
    """

    senders: Mapping[ChannelType, Callable[[], AnswerSender | None]]
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
        elif sender := self._sender(message.channel):
            self._report(message, **self._answer_once(message, tenant, sender, now))
        else:
            self._report(message, reason=Suppression.NO_SENDER)

    def _sender(self, channel: ChannelType) -> AnswerSender | None:
        try:
            return self.senders[channel]()
        except Exception as error:
            logger.warning("fallback has no sender", extra={"error": type(error).__name__})
            return None

    def _answer_once(
        self, message: InboundMessage, tenant: Tenant, sender: AnswerSender, now: datetime
    ) -> dict[str, str]:
        """What became of it, as it is reported."""
        key = claim_key(message)
        try:
            claim = self.claims.claim(key, now, self.limits)
        except StorageUnavailableError:
            return {"result": "unclaimed"}
        if claim is not Claim.GRANTED:
            return {"reason": _CLAIM_REFUSALS[claim]}
        try:
            sender.send(self._answer(message, tenant))
        except AnswerNotSentError:
            self._give_back(key)
            return {"result": "not_sent"}
        except Exception as error:
            # Whether it went out is unknown: the claim stays, so that nobody gets it twice.
            logger.warning("fallback may be lost", extra={"error": type(error).__name__})
            return {"result": "uncertain"}
        return {"result": "sent"}

    def _give_back(self, key: str) -> None:
        try:
            self.claims.give_back(key)
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
    return claim_key_of(message.account, message.identities[0])


def claim_key_of(account: str, person: Address) -> str:
    """The same for somebody whose message is not at hand."""
    return f"{person.channel}|{account}|{person.counting_key}"
