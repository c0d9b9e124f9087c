"""The part of the contract of ``Refusals`` that is about what diagnoses find."""

import sys
import threading
from collections import Counter
from dataclasses import replace
from types import FrameType, SimpleNamespace

import pytest

from application.ports.refusals import BriefDiagnosis, Refusals
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from infrastructure import background_diagnoses
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock

SMS, EMAIL = ChannelType.SMS, ChannelType.EMAIL
ACCOUNT, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
MISMATCH = "signature_mismatch"
URL = "https://hooks.example.com/webhooks/sms"
A_REQUEST = WebhookRequest("POST", URL, (), b"Body=Hello", NOW)
CERTAIN = BriefDiagnosis("scheme", "Twilio signed https.", "Set it", is_certain=True, at=NOW)
DOUBT = BriefDiagnosis("none_fits", "None fits.", "Compare the token", is_certain=False, at=NOW)


class Diagnoser:
    """Finds ``diagnosis``, and remembers what was diagnosed, and on which thread."""

    def __init__(self, clock: ManualClock) -> None:
        self.diagnosis: BriefDiagnosis | None = CERTAIN
        self.failure: Exception | None = None
        self.diagnosed: list[WebhookRequest] = []
        self.threads: set[str] = set()
        self._clock = clock

    def __call__(self, channel: ChannelType, request: WebhookRequest) -> BriefDiagnosis | None:
        self.threads.add(threading.current_thread().name)
        self.diagnosed.append(request)
        if self.failure:
            raise self.failure
        return self.diagnosis and replace(self.diagnosis, at=self._clock())


def hold_diagnoses(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until the event is set, what was refused waits for its diagnosis."""
    may_go_on = threading.Event()
    paused = SimpleNamespace(sleep=lambda _: may_go_on.wait(30))
    monkeypatch.setattr("infrastructure.background_diagnoses.time", paused)
    return may_go_on


def wait_for_diagnoses() -> None:
    """Until all that was refused up to now is diagnosed, or forgotten."""
    for thread in threading.enumerate():
        if thread.name == "diagnoses":
            thread.join(30)
            assert not thread.is_alive()


class DiagnosedRefusalsContract:
    """Refused requests are diagnosed later, and few of them. The tests override ``refusals``."""

    @pytest.fixture(autouse=True)
    def _without_a_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(background_diagnoses, "PAUSE_SECONDS", 0.0)

    @pytest.fixture
    def diagnoser(self, clock: ManualClock) -> Diagnoser:
        return Diagnoser(clock)

    def test_diagnosis_is_kept_with_the_refusal(
        self, refusals: Refusals, diagnoser: Diagnoser, clock: ManualClock
    ) -> None:
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
        wait_for_diagnoses()
        clock.advance(seconds=5)
        refusals.add(SMS, ACCOUNT, MISMATCH, URL)
        (found,) = refusals.latest()
        assert (found.count, found.last_at, found.diagnosis) == (2, clock(), CERTAIN)
        assert diagnoser.threads == {"diagnoses"}

    def test_diagnosis_is_cut_and_made_printable(
        self, refusals: Refusals, diagnoser: Diagnoser
    ) -> None:
        diagnoser.diagnosis = replace(
            CERTAIN, cause="a\x1b[2J\0" + "é" * 900, remedy="b\n" + "b" * 900
        )
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
        wait_for_diagnoses()
        (found,) = refusals.latest()
        assert found.diagnosis
        assert (len(found.diagnosis.cause), len(found.diagnosis.remedy)) == (400, 800)
        assert (found.diagnosis.cause + found.diagnosis.remedy).isprintable()

    def test_account_is_diagnosed_once_a_minute_on_each_channel(
        self, refusals: Refusals, diagnoser: Diagnoser, clock: ManualClock
    ) -> None:
        for number in range(200):
            refusals.add(SMS, ACCOUNT, MISMATCH, f"{URL}/{number}", request=A_REQUEST)
        wait_for_diagnoses()
        assert len(diagnoser.diagnosed) == 1
        refusals.add(SMS, OTHER, MISMATCH, URL, request=A_REQUEST)
        refusals.add(EMAIL, ACCOUNT, MISMATCH, "", request=A_REQUEST)
        wait_for_diagnoses()
        assert len(diagnoser.diagnosed) == 3
        clock.advance(seconds=60)
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
        wait_for_diagnoses()
        assert len(diagnoser.diagnosed) == 4

    def test_few_requests_are_held_and_no_large_one(
        self, refusals: Refusals, diagnoser: Diagnoser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        may_go_on = hold_diagnoses(monkeypatch)
        large = replace(A_REQUEST, body=b"x" * (background_diagnoses.MOST_BODY_BYTES + 1))
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=large)
        for number in range(100):
            refusals.add(SMS, f"AC{number:032}", MISMATCH, URL, request=A_REQUEST)
        may_go_on.set()
        wait_for_diagnoses()
        assert diagnoser.diagnosed == [A_REQUEST] * background_diagnoses.MOST_HELD

    @pytest.mark.parametrize("reason", ["account_unknown", "signature_missing", "too_large"])
    def test_what_is_clear_is_not_diagnosed(
        self, refusals: Refusals, diagnoser: Diagnoser, reason: str
    ) -> None:
        refusals.add(SMS, ACCOUNT, reason, URL, request=A_REQUEST)
        refusals.add(None, "", "path_unknown", "")
        wait_for_diagnoses()
        assert diagnoser.diagnosed == []

    def test_doubt_does_not_replace_what_was_proven_lately(
        self, refusals: Refusals, diagnoser: Diagnoser, clock: ManualClock
    ) -> None:
        def found_after(seconds: int, diagnosis: BriefDiagnosis) -> str:
            clock.advance(seconds=seconds)
            diagnoser.diagnosis = diagnosis
            refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
            wait_for_diagnoses()
            (refusal,) = refusals.latest()
            assert refusal.diagnosis
            return refusal.diagnosis.code

        assert found_after(0, DOUBT) == "none_fits"
        assert found_after(60, CERTAIN) == "scheme"
        assert found_after(60, DOUBT) == "scheme"
        assert found_after(3600, DOUBT) == "none_fits"

    def test_diagnosis_that_fails_or_finds_nothing_leaves_the_refusal(
        self, refusals: Refusals, diagnoser: Diagnoser, clock: ManualClock
    ) -> None:
        diagnoser.failure = RecursionError()
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
        wait_for_diagnoses()
        diagnoser.failure, diagnoser.diagnosis = None, None
        clock.advance(seconds=60)
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, request=A_REQUEST)
        wait_for_diagnoses()
        (found,) = refusals.latest()
        assert (found.count, found.diagnosis, len(diagnoser.diagnosed)) == (2, None, 2)

    def test_latest_accepted_webhook_is_remembered(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        refusals.add(SMS, ACCOUNT, MISMATCH, URL)
        assert refusals.latest()[0].accepted_at is None
        accepted_at = clock()
        clock.advance(seconds=9)
        refusals.add(SMS, ACCOUNT, MISMATCH, URL, accepted_at=accepted_at)
        refusals.add(SMS, ACCOUNT, MISMATCH, URL)
        assert [one.accepted_at for one in refusals.latest()] == [accepted_at]

    def test_response_waits_for_the_same_work_whatever_is_known(
        self, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        may_go_on = hold_diagnoses(monkeypatch)
        for account, reason in ((ACCOUNT, MISMATCH), ("", "account_unknown")):
            refusals.add(SMS, account, reason, URL, request=A_REQUEST)
        known = _calls_of_adding(refusals, ACCOUNT, MISMATCH)
        unknown = _calls_of_adding(refusals, "", "account_unknown")
        may_go_on.set()
        wait_for_diagnoses()
        assert known == unknown


def _calls_of_adding(refusals: Refusals, account: str, reason: str) -> Counter[str]:
    """The functions that are entered to add a refusal, and how often each."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        refusals.add(SMS, account, reason, URL, request=A_REQUEST)
    finally:
        sys.setprofile(before)
    return counted
