"""Sending a fallback through a provider."""

from abc import abstractmethod
from typing import Protocol

from domain.fallback import Fallback


class FallbackSender(Protocol):
    """Sends fallbacks through one provider."""

    @abstractmethod
    def send(self, fallback: Fallback) -> None:
        """Hand ``fallback`` to the provider, in one attempt.

        Raises ``FallbackNotSentError`` when the provider certainly did not take it, and
        ``FallbackUncertainError`` when that cannot be known (a time-out, a 5xx).
        """
