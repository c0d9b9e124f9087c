"""Sending a fallback through a provider."""

from abc import abstractmethod
from typing import ClassVar, Protocol

from domain.fallback import Fallback
from domain.trail import FallbackResult


class FallbackSender(Protocol):
    """Sends fallbacks through one provider."""

    result: ClassVar[FallbackResult] = FallbackResult.SENT
    """What became of a fallback once ``send`` has returned."""

    @abstractmethod
    def send(self, fallback: Fallback) -> None:
        """Hand ``fallback`` to the provider, in one attempt.

        Raises ``FallbackNotSentError`` when the provider certainly did not take it, and
        ``FallbackUncertainError`` when that cannot be known (a time-out, a 5xx).
        """
