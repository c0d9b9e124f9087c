"""Send an unknown sender the fallback text, at most once in each window."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from application.clock import Clock
from application.ports.fallback_sender import FallbackSender
from application.ports.fallback_throttle import FallbackThrottle, ThrottleLimits, ThrottleOutcome
from application.ports.metrics import Metrics
from domain.addresses import Address
from domain.automated_mail import Suppression
from domain.channels import ChannelType
from domain.errors import FallbackNotSentError, StorageUnavailableError
from domain.fallback import Fallback, OwnAddresses, suppression_of_fallback
from domain.messages import InboundMessage
from domain.tenants import Tenant
from domain.trail import FallbackOutcome, FallbackResult

logger = logging.getLogger(__name__)

_THROTTLE_UNAVAILABLE = "throttle_unavailable"
_THROTTLE_REFUSALS = {
    ThrottleOutcome.WITHIN_WINDOW: Suppression.ALREADY_ANSWERED,
    ThrottleOutcome.OVER_HOURLY_LIMIT: Suppression.HOURLY_LIMIT,
}


@dataclass(frozen=True)
class SendFallback:
    """Sends the fallback. Would rather lose one than send two.

    A channel on which no fallback can be sent has ``None`` as its sender.
    """

    senders: Mapping[ChannelType, Callable[[], FallbackSender | None]]
    throttle: FallbackThrottle
    limits: ThrottleLimits
    texts: Mapping[ChannelType, str]
    own_addresses: Callable[[], OwnAddresses]
    clock: Clock
    metrics: Metrics

    def __call__(self, message: InboundMessage, tenant: Tenant) -> FallbackOutcome:
        """Answer ``message``, unless a rule, the sender's window or the hourly limit forbids it.

        Never raises: the message is recorded already, whatever becomes of the fallback.
        """
        now = self.clock()
        if reason := suppression_of_fallback(message, self.own_addresses(), now):
            outcome = FallbackOutcome(FallbackResult.SUPPRESSED, now, reason)
        elif sender := self._sender(message.channel):
            outcome = self._send_once(message, tenant, sender, now)
        else:
            outcome = FallbackOutcome(FallbackResult.SUPPRESSED, now, Suppression.NO_SENDER)
        self._report(message, outcome)
        return outcome

    def _sender(self, channel: ChannelType) -> FallbackSender | None:
        try:
            return self.senders[channel]()
        except Exception as error:
            logger.warning("fallback has no sender", extra={"error": type(error).__name__})
            return None

    def _send_once(
        self, message: InboundMessage, tenant: Tenant, sender: FallbackSender, now: datetime
    ) -> FallbackOutcome:
        key = throttle_key(message)
        try:
            acquired = self.throttle.acquire(key, now, self.limits)
        except StorageUnavailableError:
            return FallbackOutcome(FallbackResult.FAILED, now, _THROTTLE_UNAVAILABLE)
        if acquired is not ThrottleOutcome.GRANTED:
            return FallbackOutcome(FallbackResult.THROTTLED, now, _THROTTLE_REFUSALS[acquired])
        try:
            sender.send(self._fallback(message, tenant))
        except FallbackNotSentError as error:
            self._release(key)
            return FallbackOutcome(FallbackResult.FAILED, now, error.reason)
        except Exception as error:
            # Whether it went out is unknown: the window stays taken, so that none is sent twice.
            logger.warning("fallback may be lost", extra={"error": type(error).__name__})
            return FallbackOutcome(FallbackResult.UNCERTAIN, now)
        return FallbackOutcome(sender.result, now)

    def _release(self, key: str) -> None:
        try:
            self.throttle.release(key)
        except StorageUnavailableError:
            logger.warning("fallback throttle could not be released")

    def _fallback(self, message: InboundMessage, tenant: Tenant) -> Fallback:
        text = tenant.fallback_texts.get(message.channel) or self.texts[message.channel]
        rules = message.channel.rules
        normalised = rules.answers_normalised_address
        return Fallback(
            channel=message.channel,
            account=message.account,
            to=message.sender.value if normalised else message.sender_verbatim,
            sent_from=message.recipient.address if normalised else message.recipient.verbatim,
            text=text,
            in_reply_to=message.provider_message_id if rules.has_threads else None,
            references=message.thread_references,
        )

    def _report(self, message: InboundMessage, outcome: FallbackOutcome) -> None:
        reason = outcome.reason
        is_refused = outcome.result in {FallbackResult.SUPPRESSED, FallbackResult.THROTTLED}
        counted = {"reason" if is_refused else "result": str(reason or outcome.result)}
        self.metrics.count("Fallbacks", channel=message.channel, **counted)
        ids = {"request_id": message.request_id, "message_id": message.log_id}
        logger.info(
            "fallback decided",
            extra={"channel": message.channel, **ids, "result": outcome.result, "reason": reason},
        )


def throttle_key(message: InboundMessage) -> str:
    """One text per channel, account and person: the throttle knows who was answered lately."""
    return throttle_key_of(message.account, message.identities[0])


def throttle_key_of(account: str, person: Address) -> str:
    """The same for a person whose message is not at hand."""
    return f"{person.channel}|{account}|{person.counting_key}"
