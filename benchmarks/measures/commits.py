"""How many commits a webhook needs: alone, and where each sync is slow and many wait."""

import shutil
import subprocess
from pathlib import Path

from benchmarks import servers, webhooks
from benchmarks.plan import Figures, NotPossibleError, Plan, post

SOURCE = Path(__file__).resolve().parents[1] / "slow_sync.c"


def measure(plan: Plan) -> Figures:
    """Syncs of SQLite's log, counted below Python: those are the commits.

    SQLite syncs the log once more for each checkpoint, which is every thousand pages: so the
    figures are a little above the number of commits.
    """
    folder = plan.folder / "commits"
    folder.mkdir(parents=True)
    library = _compiled(folder)
    alone, _ = _run(folder / "alone", library, 0, connections=1, count=plan.alone_webhooks)
    slow, seconds = _run(
        folder / "slow",
        library,
        plan.slow_sync_ms,
        connections=plan.connections,
        count=plan.slow_webhooks,
    )
    return {
        "commits_alone": [alone],
        "commits_with_slow_sync": [slow],
        "webhooks_per_second_with_slow_sync": [plan.slow_webhooks / seconds],
    }


def _compiled(folder: Path) -> Path:
    compiler, library = shutil.which("cc"), folder / "slow_sync.so"
    if compiler is None:
        raise NotPossibleError("there is no C compiler, cc")
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)  # noqa: S603 - the compiler on our own source
    return library


def _run(
    folder: Path, library: Path, milliseconds: int, *, connections: int, count: int
) -> tuple[float, float]:
    """Commits a webhook, and the seconds of all. The first webhook warms up."""
    server = servers.frontdesk(folder)
    counts = folder / "syncs"
    file = webhooks.store(folder / "requests", webhooks.sms(count))
    first = webhooks.store(folder / "first", webhooks.sms(1))
    with server.running(**servers.with_slow_syncs(library, counts, milliseconds)) as process:
        post(process, first, connections=1)
        before = _commits(counts)
        answers = post(process, file, connections=connections)
        return (_commits(counts) - before) / answers["answered"], answers["seconds"]


def _commits(counts: Path) -> int:
    return int.from_bytes(counts.read_bytes()[:8], "little")
