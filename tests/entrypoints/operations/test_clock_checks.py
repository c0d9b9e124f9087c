"""The kernel's clock, really asked."""

import ctypes
import sys
from datetime import timedelta

import pytest

from entrypoints.operations.clock_checks import kernel_clock


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has adjtimex")
def test_linux_says_whether_its_clock_is_kept() -> None:
    clock = kernel_clock()
    assert clock is not None
    assert timedelta(0) <= clock.most_off <= timedelta(seconds=16)


def test_system_without_that_call_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert kernel_clock() is None
