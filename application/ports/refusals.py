"""Refusals: requests that were not accepted, told apart by what an operator can mend."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.channels import ChannelType


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known of equal refusals. It never holds a body, an address or a signature.

    ``channel`` is the one that the path names, ``None`` if it names none. ``account`` is the
    known account that the request names. It is empty where a request names none, and where it
    was refused unread: of these there is one entry for each channel and reason. ``reason`` is a
    code: of a verification, or that of an error. ``tried_urls`` are
    the URLs for which the signature was computed, without values of their query, in 300
    printable characters at most. They are empty where the signature covers no URL, and of what
    came with too many different ones.
    """

    channel: ChannelType | None
    account: str
    reason: str
    tried_urls: str
    count: int
    first_at: datetime
    last_at: datetime


class Refusals(Protocol):
    """The latest refusals, a few hundred. They are lost with the place where they lie."""

    @abstractmethod
    def add(self, channel: ChannelType | None, account: str, reason: str, tried_urls: str) -> None:
        """Count one refusal. Never raises, and waits for no disk."""

    @abstractmethod
    def latest(self) -> tuple[Refusal, ...]:
        """All that can be seen from here, the latest ``last_at`` first. Never raises."""

    @abstractmethod
    def notice(self) -> str | None:
        """Why refusals may be missing in ``latest``, in a sentence; ``None`` if there is no reason.

        For an operator who looks for one, and who must not take silence for health.
        """
