"""What a front desk answers while parts of it are out, and that nothing is lost by it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from entrypoints.container import Container
from infrastructure.channels.simulation import SimulatedRequest
from tests.emulators import EmulatedAws
from tests.end_to_end.answers import (
    INTERNAL_ERROR,
    INVALID_SIGNATURE,
    METHOD_NOT_ALLOWED,
    SMS,
    THANKS,
    TOO_LARGE,
    UNAVAILABLE,
    UNSUPPORTED_CHANNEL,
)
from tests.end_to_end.conftest import Serve, backend, host, serve
from tests.end_to_end.desk import AWS, BACKENDS, Answer, Desk
from tests.faults.crash_backends import use_impatient_spool
from tests.faults.crash_webhooks import ORIGIN, Case, Kind, Lookout, what_is_left
from tests.faults.outages import (
    BLOBS,
    LETTERS,
    QUEUE,
    SPOOL,
    STORE,
    Failure,
    Outage,
    answer_lost,
    down,
    flapping,
    slow,
    throttling,
)

__all__ = ["backend", "host", "serve"]
"""Fixtures of the end-to-end tests."""

LIMIT = 500_000
SETTINGS = {"PUBLIC_BASE_URL": ORIGIN, "MAX_BODY_BYTES": str(LIMIT)}
CASES = tuple(Case(kind, 4711 + number) for number, kind in enumerate(Kind))
REPEATED = Case(Kind.REPLY, 4710)
"""Has come before, and comes again while something is out."""


class Row(NamedTuple):
    """Who suffers what, and whether messages and what is unreadable can be kept meanwhile."""

    roles: tuple[str, ...]
    failure: Failure
    keeps_messages: bool = True
    keeps_unreadable: bool = True


EVERYTHING = (*STORE, *QUEUE, *SPOOL, *LETTERS, *BLOBS)
ROWS = {
    "store down": Row(STORE, down),
    "store loses its answers": Row(STORE, answer_lost),
    "store slow": Row(STORE, slow),
    "store flapping": Row(STORE, flapping()),
    "queue down": Row(QUEUE, down),
    "queue loses its answers": Row(QUEUE, answer_lost),
    "queue slow": Row(QUEUE, slow),
    "queue flapping": Row(QUEUE, flapping()),
    "store and queue down": Row(STORE + QUEUE, down),
    "store and queue flapping": Row(STORE + QUEUE, flapping()),
    "files down": Row(BLOBS, down),
    "files lose their answers": Row(BLOBS, answer_lost),
    "spool down": Row(SPOOL, down),
    "dead letters down": Row(LETTERS, down, keeps_unreadable=False),
    "dead letters lose their answers": Row(LETTERS, answer_lost, keeps_unreadable=False),
    "store and spool down": Row(STORE + SPOOL, down, keeps_messages=False),
    "store and spool lose their answers": Row(STORE + SPOOL, answer_lost, keeps_messages=False),
    "everything down": Row(EVERYTHING, down, keeps_messages=False, keeps_unreadable=False),
}


@dataclass(frozen=True)
class Troubled:
    """A front desk with an outage, to which every kind of webhook comes."""

    desk: Desk
    outage: Outage

    def post(self, case: Case) -> Answer:
        """What the provider of ``case`` gets back."""
        return self.post_signed(case.webhook(self.desk.providers))

    def post_signed(self, webhook: SimulatedRequest, method: str = "POST") -> Answer:
        """The answer, on the connection that there is, to what was signed for the public URL."""
        path = urlsplit(webhook.url).path
        return self.desk.post(replace(webhook, url=self.desk.origin + path), method)

    def refusals(self) -> Iterator[tuple[int, str | None, bytes]]:
        """The answers to four requests that nobody should answer with thanks."""
        webhook = CASES[0].webhook(self.desk.providers)
        yield self.post_signed(replace(webhook, body=webhook.body + b"&x=1")).shown
        yield self.post_signed(replace(webhook, url=f"{ORIGIN}/webhooks/voice")).shown
        yield self.post_signed(webhook, "PUT").shown
        yield self.post_signed(replace(webhook, body=b"x" * (LIMIT + 1))).shown

    def heal(self) -> None:
        """End the outage; who got no thanks tries again, and what was left is worked on."""
        self.outage.end()
        self.outage.work_on_leftovers(self.desk.container)

    def problems(self, backend: str) -> list[str]:
        """What is not as it should be in the end."""
        lookout = Lookout(self.desk.container, [])
        lookout.take_contexts()
        broken = [
            f"{case.kind}: {problem}"
            for case in (REPEATED, *CASES)
            for problem in lookout.find(case).problems(at_most_once=backend != AWS)
        ]
        return [*broken, *what_is_left(self.desk.container)]


REFUSALS = [INVALID_SIGNATURE, UNSUPPORTED_CHANNEL, METHOD_NOT_ALLOWED, TOO_LARGE]


@pytest.fixture
def troubled(serve: Serve, backend: str, request: pytest.FixtureRequest) -> Troubled:
    """Nothing is out yet."""
    outage = Outage()

    def prepare(container: Container) -> None:
        if backend == AWS:
            use_impatient_spool(container, request.getfixturevalue("ministack"))
        outage.prepare(container)

    desk = serve(SETTINGS, prepare=prepare)
    for case in (REPEATED, *CASES):
        case.open_conversation(desk.container)
    return Troubled(desk, outage)


@pytest.mark.parametrize("backend", [*BACKENDS, AWS], indirect=True)
@pytest.mark.parametrize("name", ROWS)
def test_an_outage_loses_and_doubles_nothing(troubled: Troubled, backend: str, name: str) -> None:
    row = ROWS[name]
    assert troubled.post(REPEATED).shown == THANKS[SMS]
    troubled.outage.begin(row.roles, row.failure)

    answers = {case: troubled.post(case).shown for case in (REPEATED, *CASES)}

    for case, answer in answers.items():
        if case.kind is Kind.UNREADABLE:
            assert answer == (THANKS[SMS] if row.keeps_unreadable else INTERNAL_ERROR)
        elif row.keeps_messages:
            assert answer == THANKS[case.channel]
        else:
            assert answer == UNAVAILABLE
    assert list(troubled.refusals()) == REFUSALS

    troubled.heal()
    for case, answer in answers.items():
        if answer != THANKS[case.channel]:
            assert troubled.post(case).shown == THANKS[case.channel]
    troubled.heal()
    assert troubled.problems(backend) == []


@pytest.mark.parametrize("backend", [AWS], indirect=True)
@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
def test_throttling_loses_nothing(
    troubled: Troubled, ministack: EmulatedAws, backend: str, service: str
) -> None:
    case = CASES[0]
    client = ministack.dynamodb if service == "dynamodb" else ministack.sqs
    with throttling(client):
        answer = troubled.post(case)
    # Put aside, for SQS is another service; or recorded, and pending.
    assert answer.shown == THANKS[case.channel]

    troubled.heal()
    assert {troubled.post(one).status for one in (REPEATED, *CASES)} == {200}
    assert troubled.problems(backend) == []
