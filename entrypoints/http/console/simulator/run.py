"""Posts simulated webhooks to this server, by its own front door."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing.pool import ThreadPool
from typing import Any, NamedTuple

from entrypoints.http.access.problems import unavailable
from entrypoints.http.console.simulator.fields import HowOften
from entrypoints.simulation.posting import Response, percentile, posting
from infrastructure.channels.provider import Webhooks

AT_ONCE = 16
RUN_SECONDS = 12.0
"""Less than a page may take: what could not be sent until then is told."""


class Answer(NamedTuple):
    """What the provider got, how often, in which text."""

    label: str
    is_success: bool
    content_type: str
    body: str
    times: int


@dataclass(frozen=True, slots=True)
class Run:
    """The responses to the webhooks of one simulation, in the order in which they were made."""

    how: HowOften
    responses: Sequence[Response]

    @property
    def answers(self) -> list[Answer]:
        """The different answers, the most frequent first."""
        counts = Counter(
            (one.label, one.is_success, one.content_type, one.body.decode(errors="replace"))
            for one in self.responses
        )
        return [Answer(*key, count) for key, count in counts.most_common()]

    @property
    def summary(self) -> str:
        """What was sent and answered, in a sentence."""
        number = len(self.responses)
        answers = ", ".join(dict.fromkeys(one.label for one in self.responses))
        return f"{number} {'webhook was' if number == 1 else 'webhooks were'} sent: {answers}."

    @property
    def is_accepted(self) -> bool:
        """Whether the provider would be content with all answers."""
        return all(one.is_success for one in self.responses)

    @property
    def message_ids(self) -> list[str]:
        """The ids of the messages that the server accepted, each once."""
        return list(dict.fromkeys(one.message_id for one in self.responses if one.is_success))

    @property
    def is_refused(self) -> bool:
        """Whether a signature was wrong."""
        return any(one.status == HTTPStatus.UNAUTHORIZED for one in self.responses)

    @property
    def notes(self) -> Iterator[str]:
        """What the answers mean, in sentences."""
        if self.is_refused:
            yield "The signature is wrong. Nothing of it is stored."
        if self.how is HowOften.REPEATED and len(self.answers) == 1 and self.message_ids:
            yield "The second answer is the same, byte for byte. The message is recorded once."

    @property
    def milliseconds(self) -> dict[str, float]:
        """How long answers took: all of them if few, else median and 95th percentile."""
        took = [one.seconds * 1000 for one in self.responses if one.status is not None]
        if not took:
            return {}
        if self.how is HowOften.MANY:
            return {"median": percentile(took, 0.5), "95th percentile": percentile(took, 0.95)}
        names = ("first", "second") if len(took) > 1 else ("",)
        return dict(zip(names, took, strict=False))


def run(make: Webhooks, url: str, how: HowOften, count: int) -> Run:
    """Post what ``make`` makes to ``url`` and wait for all responses, 12 seconds at most."""
    at_once = min(count, AT_ONCE) if how is HowOften.MANY else 1
    with posting(url, at_once, time.monotonic() + RUN_SECONDS) as post:
        if how is HowOften.MANY:
            with ThreadPool(at_once) as pool:
                return Run(how, pool.map(lambda _: post(make()), range(count), chunksize=1))
        webhook = make()
        return Run(how, [post(webhook) for _ in range(count)])


def own_origin(scope: Mapping[str, Any]) -> str:
    """The address that the request of this ASGI scope was accepted at: this server's, no other.

    No header has a part in it. Raises ``ProblemError`` (503) where a server does not tell it.
    """
    host, port = scope.get("server") or ("", None)
    if not host or not port:
        raise unavailable("the server does not know at which address it listens")
    # An address that is valid on one interface alone carries its name (RFC 6874).
    address = f"[{host.replace('%', '%25')}]" if ":" in host else host
    return f"http://{address}:{port}"
