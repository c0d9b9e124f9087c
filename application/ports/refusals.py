"""Refusals: requests that were not accepted, told apart by what an operator can mend."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType


@dataclass(frozen=True, slots=True)
class BriefDiagnosis:
    """What the diagnosis of a refused request says, for an operator.

    ``code`` names causes, joined by ``+``, or is ``none_fits`` or ``accepted``. ``cause`` is in
    sentences, ``remedy`` in sentences without the last stop; neither has a value of a query. It
    ``is_certain`` where something was found that fits the signature: no stranger can make that.
    """

    code: str
    cause: str
    remedy: str
    is_certain: bool
    at: datetime


Diagnose = Callable[[ChannelType, WebhookRequest], BriefDiagnosis | None]
"""Looks at a request whose signature fits nothing. ``None`` where nothing can be said."""


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

    ``accepted_at`` is when the latest message of the account had come that was accepted before;
    ``None`` if the processes that refused these know of none. ``diagnosis`` is that of one of them.
    """

    channel: ChannelType | None
    account: str
    reason: str
    tried_urls: str
    count: int
    first_at: datetime
    last_at: datetime
    accepted_at: datetime | None = None
    diagnosis: BriefDiagnosis | None = None


class Refusals(Protocol):
    """The latest refusals, a few hundred. They are lost with the place where they lie."""

    @abstractmethod
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
        """Count one refusal. Never raises, and waits for no disk.

        ``request`` may be diagnosed, later. Nothing of it is stored but a ``BriefDiagnosis``.
        """

    @abstractmethod
    def latest(self) -> tuple[Refusal, ...]:
        """All that can be seen from here, the latest ``last_at`` first. Never raises."""

    @abstractmethod
    def notice(self) -> str | None:
        """Why refusals may be missing in ``latest``, in a sentence; ``None`` if there is no reason.

        For an operator who looks for one, and who must not take silence for health.
        """
