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

logger = logging.getLogger(__name__)

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

    def __call__(self, message: InboundMessage, tenant: Tenant) -> None:
        """Answer ``message``, unless a rule, the sender's window or the hourly limit forbids it.

        Never raises: the message is recorded already, whatever becomes of the fallback.
        """
        now = self.clock()
        if reason := suppression_of_fallback(message, self.own_addresses(), now):
            self._report(message, reason=reason)
        elif sender := self._sender(message.channel):
            self._report(message, **self._send_once(message, tenant, sender, now))
        else:
            self._report(message, reason=Suppression.NO_SENDER)

    def _sender(self, channel: ChannelType) -> FallbackSender | None:
        try:
            return self.senders[channel]()
        except Exception as error:
            logger.warning("fallback has no sender", extra={"error": type(error).__name__})
            return None

    def _send_once(
        self, message: InboundMessage, tenant: Tenant, sender: FallbackSender, now: datetime
    ) -> dict[str, str]:
        """What became of it, as it is reported."""
        key = throttle_key(message)
        try:
            acquired = self.throttle.acquire(key, now, self.limits)
        except StorageUnavailableError:
            return {"result": "throttle_unavailable"}
        if acquired is not ThrottleOutcome.GRANTED:
            return {"reason": _THROTTLE_REFUSALS[acquired]}
        try:
            sender.send(self._fallback(message, tenant))
        except FallbackNotSentError:
            self._release(key)
            return {"result": "not_sent"}
        except Exception as error:
            # Whether it went out is unknown: the window stays taken, so that none is sent twice.
            logger.warning("fallback may be lost", extra={"error": type(error).__name__})
            return {"result": "uncertain"}
        return {"result": "sent"}

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

    def _report(self, message: InboundMessage, **result: str) -> None:
        self.metrics.count("Fallbacks", channel=message.channel, **result)
        logger.info(
            "fallback decided",
            extra={"channel": message.channel, "message_id": message.log_id, **result},
        )


def throttle_key(message: InboundMessage) -> str:
    """One text per channel, account and person: the throttle knows who was answered lately."""
    return throttle_key_of(message.account, message.identities[0])


def throttle_key_of(account: str, person: Address) -> str:
    """The same for a person whose message is not at hand."""
    return f"{person.channel}|{account}|{person.counting_key}"
