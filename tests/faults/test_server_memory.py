"""The peak memory of a server under the largest requests."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

from tests.processes import SERVE, environment, killed_server

MIB = 1024 * 1024
WITHOUT_BODIES = 80 * MIB
UNVERIFIED = 4 * 2 * 32 * MIB


def peak_bytes(process_id: int) -> int:
    """The peak resident memory of the process."""
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) * 1024


def test_many_bodies_of_the_largest_size_use_a_bounded_amount_of_memory(tmp_path: Path) -> None:
    body = b"x" * (32 * MIB)
    with (
        killed_server(environment(tmp_path), SERVE) as server,
        ThreadPoolExecutor(12) as pool,
    ):

        def post(_: int) -> int | None:
            try:
                return urllib3.request("POST", f"{server.origin}/webhooks/email", body=body).status
            except urllib3.exceptions.HTTPError:  # refused before all of it was sent
                return None

        statuses = set(pool.map(post, range(24)))
        peak = peak_bytes(server.process.pid)
    assert 401 in statuses
    assert statuses <= {401, 503, None}
    assert peak < WITHOUT_BODIES + UNVERIFIED
