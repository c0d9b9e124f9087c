"""Every fuzz target takes the bytes that a search begins with."""

import pytest

from tests.faults.fuzzed_frontdesk import fuzzed_frontdesk
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_target_has_first_bytes_and_takes_them(name: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert len(seeds) > 2
    with fuzzed_frontdesk() as frontdesk:
        for seed in seeds[:20]:
            target.post(frontdesk, seed)
