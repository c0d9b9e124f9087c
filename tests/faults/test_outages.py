"""What a front desk answers while parts of it are out, and that nothing is lost by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from application.ports.dead_letters import DeadLetterKind
from application.ports.spool import SpoolDepth
from entrypoints.composition.container import Container
from infrastructure.channels.provider import SimulatedRequest
from tests.changed_units import use_separate_steps
from tests.emulators import EmulatedAws
from tests.end_to_end.conftest import Serve, backend, host, serve
from tests.end_to_end.frontdesk import AWS, BACKENDS, Response, RunningFrontDesk
from tests.end_to_end.responses import (
    ACKNOWLEDGED,
    INTERNAL_ERROR,
    INVALID_SIGNATURE,
    METHOD_NOT_ALLOWED,
    SMS,
    TOO_LARGE,
    UNAVAILABLE,
    UNSUPPORTED_CHANNEL,
)
from tests.faults.crash_backends import use_short_timeout_spool
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind, backlog_of
from tests.faults.outages import (
    BLOBS,
    CONVERSATIONS,
    DEAD_LETTERS,
    QUEUE,
    SECRETS,
    SPOOL,
    STORE,
    Failure,
    Outage,
    buggy,
    down,
    each,
    flapping,
    leave_half_written,
    response_lost,
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

SEPARATE_STEPS = "sqlite in separate steps"
"""As where the queue is another engine: a message whose queue fails is recorded and pending."""

Shown = tuple[int, str | None, bytes]


class Row(NamedTuple):
    """What each role suffers, every answer that is not the one of a quiet day, and its letters."""

    failing: Mapping[str, Failure]
    messages: Shown | None = None
    unreadable: Shown | None = None
    forged: Shown = INVALID_SIGNATURE
    bugs: int = 0
    """How many dead letters of this kind there are then."""

    def response_to(self, case: Case) -> Shown:
        """What the provider of ``case`` gets meanwhile."""
        other = self.unreadable if case.kind is Kind.UNREADABLE else self.messages
        return other or ACKNOWLEDGED[case.channel]


EVERYTHING = (*STORE, *QUEUE, *SPOOL, *DEAD_LETTERS, *BLOBS)
OUTAGES = {
    "store down": Row(each(STORE, down)),
    "store loses its answers": Row(each(STORE, response_lost)),
    "store slow": Row(each(STORE, slow)),
    "store flapping": Row(each(STORE, flapping())),
    "queue down": Row(each(QUEUE, down)),
    "queue loses its answers": Row(each(QUEUE, response_lost)),
    "queue slow": Row(each(QUEUE, slow)),
    "queue flapping": Row(each(QUEUE, flapping())),
    "store and queue down": Row(each(STORE + QUEUE, down)),
    "store and queue flapping": Row(each(STORE + QUEUE, flapping())),
    "files down": Row(each(BLOBS, down)),
    "files lose their answers": Row(each(BLOBS, response_lost)),
    "files slow": Row(each(BLOBS, slow)),
    "spool down": Row(each(SPOOL, down)),
    "store down and spool slow": Row(each(STORE, down) | each(SPOOL, slow)),
    "dead letters down": Row(each(DEAD_LETTERS, down), unreadable=INTERNAL_ERROR),
    "dead letters lose their answers": Row(
        each(DEAD_LETTERS, response_lost), unreadable=INTERNAL_ERROR
    ),
    "dead letters slow": Row(each(DEAD_LETTERS, slow)),
    "store and spool down": Row(each(STORE + SPOOL, down), UNAVAILABLE),
    "store and spool lose their answers": Row(each(STORE + SPOOL, response_lost), UNAVAILABLE),
    "everything down": Row(each(EVERYTHING, down), UNAVAILABLE, INTERNAL_ERROR),
}

BUG = each(CONVERSATIONS, buggy)
ALL_READABLE = len(Kind)
"""How many readable webhooks come: one of each kind but one, and one that had come before."""

NO_SECRETS = each(SECRETS, down)
ALL_UNAVAILABLE = (UNAVAILABLE, UNAVAILABLE, UNAVAILABLE)
FAILURES = {
    "a bug": Row(BUG, bugs=ALL_READABLE),
    "a bug, store down": Row(each(STORE, down) | BUG, bugs=ALL_READABLE),
    "a bug, queue down": Row(each(QUEUE, down) | BUG, bugs=ALL_READABLE),
    "a bug, spool down": Row(each(SPOOL, down) | BUG, bugs=ALL_READABLE),
    "a bug, dead letters slow": Row(each(DEAD_LETTERS, slow) | BUG, bugs=ALL_READABLE),
    "a bug, dead letters down": Row(each(DEAD_LETTERS, down) | BUG, INTERNAL_ERROR, INTERNAL_ERROR),
    # Unknown senders, also those who are known later, have no context to queue.
    "a bug of the queue": Row(each(QUEUE, buggy), bugs=ALL_READABLE - 2),
    "a bug of the spool, store down": Row(each(STORE, down) | each(SPOOL, buggy), UNAVAILABLE),
    "no secrets": Row(NO_SECRETS, *ALL_UNAVAILABLE),
    "no secrets, store down": Row(each(STORE, down) | NO_SECRETS, *ALL_UNAVAILABLE),
    "no secrets, queue down": Row(each(QUEUE, down) | NO_SECRETS, *ALL_UNAVAILABLE),
    "no secrets, dead letters down": Row(each(DEAD_LETTERS, down) | NO_SECRETS, *ALL_UNAVAILABLE),
    "no secrets, everything down": Row(each(EVERYTHING, down) | NO_SECRETS, *ALL_UNAVAILABLE),
}
"""Rows of the table of answers that no backend has a part in."""


@dataclass(frozen=True)
class FrontDeskWithOutage:
    """A front desk with an outage, to which every kind of webhook comes."""

    frontdesk: RunningFrontDesk
    outage: Outage

    def post(self, case: Case) -> Response:
        """What the provider of ``case`` gets back."""
        return self.post_signed(case.webhook(self.frontdesk.providers))

    def post_signed(self, webhook: SimulatedRequest, method: str = "POST") -> Response:
        """The answer, on the connection that there is, to what was signed for the public URL."""
        path = urlsplit(webhook.url).path
        return self.frontdesk.post(replace(webhook, url=self.frontdesk.origin + path), method)

    def refusals(self) -> Iterator[Shown]:
        """The answers to four requests that nobody should answer with thanks."""
        webhook = CASES[0].webhook(self.frontdesk.providers)
        yield self.post_signed(replace(webhook, body=webhook.body + b"&x=1")).shown
        yield self.post_signed(replace(webhook, url=f"{ORIGIN}/webhooks/voice")).shown
        yield self.post_signed(webhook, "PUT").shown
        yield self.post_signed(replace(webhook, body=b"x" * (LIMIT + 1))).shown

    def post_all(self) -> dict[Case, Shown]:
        """The answers to what has come before and to a webhook of every kind."""
        return {case: self.post(case).shown for case in (REPEATED, *CASES)}

    def heal(self, responses: Mapping[Case, Shown]) -> None:
        """Work on what was left; who got no thanks tries again."""
        self.outage.run_background_jobs(self.frontdesk.container, CASES)
        again = [case for case, shown in responses.items() if shown != ACKNOWLEDGED[case.channel]]
        for case in again:
            assert self.post(case).shown == ACKNOWLEDGED[case.channel]
        if again:
            self.outage.run_background_jobs(self.frontdesk.container, CASES)

    def bugs(self) -> int:
        """How many dead letters say that something was not expected."""
        return sum(
            dead_letter.kind is DeadLetterKind.BUG for dead_letter in self.frontdesk.dead_letters()
        )

    def problems(self, backend: str) -> list[str]:
        """What is not as it should be in the end."""
        inspector = Inspector(self.frontdesk.container, [])
        inspector.take_contexts()
        broken = [
            f"{case.kind}: {problem}"
            for case in (REPEATED, *CASES)
            for problem in inspector.find(case).problems(at_most_once=backend != AWS)
        ]
        return [*broken, *backlog_of(self.frontdesk.container)]


REFUSALS = [UNSUPPORTED_CHANNEL, METHOD_NOT_ALLOWED, TOO_LARGE]


@pytest.fixture
def frontdesk_with_outage(
    serve: Serve, backend: str, request: pytest.FixtureRequest
) -> FrontDeskWithOutage:
    """Nothing is out yet."""
    outage = Outage()

    def prepare(container: Container) -> None:
        if backend == SEPARATE_STEPS:
            use_separate_steps(container)
        if backend == AWS:
            use_short_timeout_spool(container, request.getfixturevalue("ministack"))
        outage.prepare(container)

    frontdesk = serve(SETTINGS, prepare=prepare)
    if backend in ("sqlite", SEPARATE_STEPS):
        leave_half_written(frontdesk.data_dir)
    for case in (REPEATED, *CASES):
        case.open_conversation(frontdesk.container)
    return FrontDeskWithOutage(frontdesk, outage)


def receive_during_outage(frontdesk_with_outage: FrontDeskWithOutage, row: Row) -> None:
    """Let every kind of webhook come during the outage, and once more what it refused."""
    assert frontdesk_with_outage.post(REPEATED).shown == ACKNOWLEDGED[SMS]
    frontdesk_with_outage.outage.begin(row.failing)

    responses = frontdesk_with_outage.post_all()

    assert responses == {case: row.response_to(case) for case in responses}
    assert list(frontdesk_with_outage.refusals()) == [row.forged, *REFUSALS]
    frontdesk_with_outage.outage.end()
    assert frontdesk_with_outage.bugs() == row.bugs
    frontdesk_with_outage.heal(responses)


@pytest.mark.parametrize("backend", [*BACKENDS, AWS], indirect=True)
@pytest.mark.parametrize("name", OUTAGES)
def test_outage_loses_and_duplicates_nothing(
    frontdesk_with_outage: FrontDeskWithOutage, backend: str, name: str
) -> None:
    receive_during_outage(frontdesk_with_outage, OUTAGES[name])
    assert frontdesk_with_outage.problems(backend) == []


@pytest.mark.parametrize("backend", [SEPARATE_STEPS], indirect=True)
@pytest.mark.parametrize("name", [name for name in OUTAGES if "queue" in name])
def test_outage_of_a_queue_apart_from_the_store_loses_and_duplicates_nothing(
    frontdesk_with_outage: FrontDeskWithOutage, backend: str, name: str
) -> None:
    receive_during_outage(frontdesk_with_outage, OUTAGES[name])
    assert frontdesk_with_outage.problems(backend) == []


@pytest.mark.parametrize("name", FAILURES)
def test_bugs_and_missing_secrets_lose_and_duplicate_nothing(
    frontdesk_with_outage: FrontDeskWithOutage, backend: str, name: str
) -> None:
    receive_during_outage(frontdesk_with_outage, FAILURES[name])
    assert frontdesk_with_outage.problems(backend) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_half_written_files_of_a_killed_process_are_reported_or_ignored(
    frontdesk_with_outage: FrontDeskWithOutage, backend: str
) -> None:
    frontdesk_with_outage.heal(frontdesk_with_outage.post_all())
    assert frontdesk_with_outage.problems(backend) == []

    container = frontdesk_with_outage.frontdesk.container
    assert container.spool().depth() == SpoolDepth(0, None, broken=1)
    unreadable_files: list[str] = []
    tuple(container.dead_letters().each_dead_letter(unreadable=unreadable_files.append))
    assert unreadable_files == [
        str(frontdesk_with_outage.frontdesk.data_dir / "dead-letters" / "bug-torn.json")
    ]


THROTTLING: Mapping[str, Mapping[Kind, Shown]] = {
    "dynamodb": {},
    "sqs": {},
    "s3": {Kind.UNREADABLE: INTERNAL_ERROR, Kind.LARGE_MAIL: UNAVAILABLE},
}
"""The answers that are not thanks: to what fits into nothing but the bucket."""


@pytest.mark.parametrize("backend", [AWS], indirect=True)
@pytest.mark.parametrize("service", THROTTLING)
def test_throttling_by_aws_loses_nothing(
    frontdesk_with_outage: FrontDeskWithOutage, ministack: EmulatedAws, backend: str, service: str
) -> None:
    assert frontdesk_with_outage.post(REPEATED).shown == ACKNOWLEDGED[SMS]
    with throttling(getattr(ministack, service)):
        responses = frontdesk_with_outage.post_all()
    # Put aside, for each is another service; or recorded, and pending.
    others = THROTTLING[service]
    assert responses == {
        case: others.get(case.kind, ACKNOWLEDGED[case.channel]) for case in responses
    }

    frontdesk_with_outage.heal(responses)
    assert frontdesk_with_outage.problems(backend) == []
