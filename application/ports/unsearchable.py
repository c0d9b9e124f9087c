"""Queues and spools in which nothing can be found."""

from abc import abstractmethod
from typing import Protocol, runtime_checkable


@runtime_checkable
class Unsearchable(Protocol):
    """A queue or a spool that shows what it holds to its consumer alone."""

    @abstractmethod
    def erasure_notice(self) -> str:
        """What an erasure of a person leaves here, and until when: a sentence for the operator.

        Raises ``StorageUnavailableError`` when that cannot be told now.
        """
