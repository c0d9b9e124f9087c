"""Diagnoses in the file of refusals, and files of other versions."""

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from application.ports.refusals import Refusal, Refusals
from infrastructure import background_diagnoses
from infrastructure.filesystem.refusal_file import SLOT_BYTES
from infrastructure.filesystem.slot_file import SlotFile
from infrastructure.refusal_slots import SLOTS
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock
from tests.contracts.diagnosed_refusals import (
    A_REQUEST,
    CERTAIN,
    Diagnoser,
    hold_diagnoses,
    wait_for_diagnoses,
)
from tests.contracts.refusals import FORGED, MISMATCH, SMS, URL
from tests.infrastructure.filesystem.test_refusal_file import opened, write

ENDING = """
import sys
from pathlib import Path
from threading import Thread, main_thread

from infrastructure.filesystem.refusal_file import FileRefusals
from tests.contracts.diagnosed_refusals import A_REQUEST, CERTAIN, MISMATCH, SMS, URL
from tests.builders import NOW

def diagnose(channel, request):
    main_thread().join()
    return CERTAIN

def refuse():
    for number in range(4):
        refusals.add(SMS, f"AC{number:032}", MISMATCH, URL, request=A_REQUEST)

refusals = FileRefusals(Path(sys.argv[1]), lambda: NOW, diagnose=diagnose)
worker = Thread(target=refuse, daemon=True)
worker.start()
worker.join()
"""
"""A server that ends with four refusals at hand. Webhooks are handled by daemon threads."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "refusals"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def diagnoser(clock: ManualClock) -> Diagnoser:
    return Diagnoser(clock)


@pytest.fixture(autouse=True)
def _without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_diagnoses, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def refusals(path: Path, clock: ManualClock, diagnoser: Diagnoser) -> Refusals:
    return opened(path, clock, diagnoser)


def test_another_process_sees_what_was_found(refusals: Refusals, path: Path) -> None:
    refusals.add(SMS, FORGED, MISMATCH, URL, accepted_at=NOW, request=A_REQUEST)
    wait_for_diagnoses()
    assert opened(path).latest() == (
        Refusal(SMS, FORGED, MISMATCH, URL, 1, NOW, NOW, NOW, CERTAIN),
    )


def test_diagnosis_that_does_not_fit_into_its_slot_is_left_out(
    refusals: Refusals, path: Path, diagnoser: Diagnoser
) -> None:
    diagnoser.diagnosis = replace(CERTAIN, remedy="漢" * 800)
    refusals.add(SMS, FORGED, MISMATCH, URL, request=A_REQUEST)
    wait_for_diagnoses()
    assert [one.diagnosis for one in opened(path).latest()] == [None]


def test_diagnosis_of_a_refusal_that_made_room_is_forgotten(
    refusals: Refusals, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = hold_diagnoses(monkeypatch)
    refusals.add(SMS, FORGED, MISMATCH, URL, request=A_REQUEST)
    refusals.latest()
    path.unlink()
    may_go_on.set()
    wait_for_diagnoses()
    assert refusals.latest() == ()


def test_server_that_ends_waits_for_one_diagnosis_and_no_more(path: Path) -> None:
    subprocess.run([sys.executable, "-c", ENDING, str(path)], check=True, timeout=60)
    found = [one.diagnosis for one in opened(path).latest()]
    assert sorted(found, key=bool) == [None, None, None, CERTAIN]


@pytest.mark.parametrize("harm", ["older version", "another version", "no text"])
def test_slot_of_another_version_is_ignored_and_used_again(path: Path, harm: str) -> None:
    written = b"\0".join((b"sms", FORGED.encode(), MISMATCH.encode(), URL.encode()))
    older = struct.pack("<HQqq", len(written), 1, 0, 0) + written
    contents = {
        "older version": SlotFile(path, SLOTS, 1024),
        "another version": SlotFile(path, SLOTS, SLOT_BYTES),
        "no text": SlotFile(path, SLOTS, SLOT_BYTES),
    }
    texts = {"older version": older, "another version": b"\xff" + older, "no text": b"\x02"}
    with contents[harm].locked() as slots:
        for place in range(SLOTS):
            slots.write(place, texts[harm])
    assert opened(path).latest() == ()
    write(opened(path), FORGED)
    assert [one.count for one in opened(path).latest()] == [1]
