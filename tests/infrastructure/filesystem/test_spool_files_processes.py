"""The spool as files is used by several processes, and by one that is killed."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from application.clock import utc_now
from infrastructure.filesystem.spool_files import FileSpool
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.contracts.spool import MINUTE, REQUEST, SECOND, an_entry, enqueue_all, names
from tests.killed_process import kill_at_work

PROCESSES = 3
GROUPS = "abcdefgh"
ENTRIES = 12
"""The number of entries in each group."""

BODY = b"a request over several pages " * 1000


@dataclass(frozen=True)
class Work:
    """A worker's time with one entry."""

    group: str
    number: int
    attempts: int
    began_at: int
    ended_at: int


def drain(directory: Path) -> list[Work]:
    """Receive and acknowledge entries as one of several processes until there are none."""
    spool = FileSpool(directory, utc_now, MemoryMetrics())
    work = []
    while spool.depth().entries:
        for delivery in spool.receive(2, MINUTE):
            began_at = time.monotonic_ns()
            entry_id = delivery.entry.entry_id
            number = int(entry_id.removeprefix(delivery.entry.group))
            ended_at = time.monotonic_ns()
            spool.acknowledge(delivery)
            work.append(Work(delivery.entry.group, number, delivery.attempts, began_at, ended_at))
    return work


def test_several_processes_drain_each_entry_once_and_each_group_in_order(tmp_path: Path) -> None:
    spool = FileSpool(tmp_path, utc_now, MemoryMetrics())
    for number in range(ENTRIES):
        enqueue_all(spool, *(f"{group}{number}" for group in GROUPS))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        shares = list(processes.map(drain, [tmp_path] * PROCESSES))
    assert sum(map(len, shares)) == len(GROUPS) * ENTRIES
    for group in GROUPS:
        done = [work for share in shares for work in share if work.group == group]
        done.sort(key=lambda work: work.began_at)
        assert [(work.number, work.attempts) for work in done] == [(n, 1) for n in range(ENTRIES)]
        assert all(before.ended_at < after.began_at for before, after in pairwise(done))


def enqueue_same_entries(directory: Path) -> None:
    """Enqueue the same entries as the other processes, received at another time."""
    spool = FileSpool(directory, utc_now, MemoryMetrics())
    for number in range(40):
        spool.enqueue(an_entry(f"a{number}", request=replace(REQUEST, received_at=utc_now())))


def test_several_processes_that_enqueue_the_same_entries_store_each_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        list(processes.map(enqueue_same_entries, [tmp_path] * PROCESSES))
    assert (
        len(list(tmp_path.glob("*.json")))
        == FileSpool(tmp_path, utc_now, MemoryMetrics()).depth().entries
        == 40
    )


def enqueue_for_ever(directory: Path) -> None:
    """Enqueue entry after entry, and print the number of each that is durable."""
    spool = FileSpool(directory, utc_now, MemoryMetrics())
    number = 0
    while True:
        webhook = an_entry(f"a{number}").webhook
        request = replace(webhook.request, body=BODY)
        spool.enqueue(an_entry(f"a{number}", request=request))
        print(number, flush=True)  # noqa: T201 - the parent process waits for it
        number += 1


def receive_for_ever(directory: Path) -> None:
    """Receive and release entry after entry, and print the number of each delivery."""
    spool = FileSpool(directory, utc_now, MemoryMetrics())
    number = 0
    while True:
        (delivery,) = spool.receive(1, SECOND)
        print(number, flush=True)  # noqa: T201 - the parent process waits for it
        spool.release(delivery, timedelta(0))
        number += 1


def test_spool_entry_is_whole_or_absent_after_a_kill(tmp_path: Path) -> None:
    last = kill_at_work(enqueue_for_ever, tmp_path)
    spool = FileSpool(tmp_path, utc_now, MemoryMetrics())
    retained = spool.depth().entries
    assert retained in (last + 1, last + 2)
    for number in range(retained):
        (delivery,) = spool.receive(10, MINUTE)
        assert (names([delivery]), delivery.entry.webhook.request.body) == ([f"a{number}"], BODY)
        spool.acknowledge(delivery)


def test_entry_of_a_killed_worker_is_received_again(tmp_path: Path) -> None:
    enqueue_all(FileSpool(tmp_path, utc_now, MemoryMetrics()), "a1", "a2")
    last = kill_at_work(receive_for_ever, tmp_path)
    spool = FileSpool(tmp_path, utc_now, MemoryMetrics())
    assert spool.depth().entries == 2
    deadline = time.monotonic() + 10
    while not (deliveries := spool.receive(10, MINUTE)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert names(deliveries) == ["a1"]
    assert deliveries[0].attempts > last + 1
