"""Is this machine's clock right? Asked of whatever can tell without a request to a provider."""

import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from application.ports.checks import CheckStatus
from domain.times import readable
from entrypoints.composition.container import Container
from infrastructure.backend import ServiceClock

MOST_SKEW = timedelta(seconds=5)
"""What a request and whole seconds explain; more is the clock's."""

_UNSYNCHRONISED = 0x40
_NOT_ASKED = "the providers' clocks are not asked"

Found = tuple[CheckStatus, str]


class KernelClock(NamedTuple):
    """What the kernel says of its clock: kept by a time service, and how far off at most."""

    is_synchronised: bool
    most_off: timedelta


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and enough bytes for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maximum_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_clock() -> KernelClock | None:
    """What Linux says; ``None`` where nothing does. Modes of 0 only read."""
    try:
        timex = _Timex()
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    is_synchronised = not timex.status & _UNSYNCHRONISED
    return KernelClock(is_synchronised, timedelta(microseconds=timex.maximum_error))


def check_clock(container: Container) -> Iterator[Found]:
    """One line for each clock that can be compared, and one for the kernel's own word."""
    is_compared = False
    for backend in container.backends_in_use():
        if isinstance(backend, ServiceClock):
            compared = _compared(backend, container)
            is_compared = is_compared or compared[0] is CheckStatus.OK
            yield compared
    yield from _set_back(container.settings().data_dir, container.clock()())
    shown = readable(container.clock()())
    kernel = kernel_clock()
    if kernel is None:
        yield (
            CheckStatus.SKIPPED,
            f"the system does not say whether it is kept; {_NOT_ASKED}",
        )
    elif kernel.is_synchronised:
        most = kernel.most_off.total_seconds()
        yield CheckStatus.OK, f"kept by a time service, at most {most:.2g} s off; {_NOT_ASKED}"
    elif is_compared:
        yield (
            CheckStatus.OK,
            f"no time service keeps it, but it is right now; {_NOT_ASKED}",
        )
    else:
        yield (
            CheckStatus.WARNING,
            "the kernel says that no time service keeps it: start one (chrony, "
            f"systemd-timesyncd), or compare the time: {shown}; {_NOT_ASKED}",
        )


def _set_back(data_dir: Path, now: datetime) -> Iterator[Found]:
    """A warning if a file was written later than now: by this clock, before it was set back."""
    written = [path.stat().st_mtime for path in data_dir.glob("*") if path.is_file()]
    newest = datetime.fromtimestamp(max(written, default=0), UTC)
    if newest - now > MOST_SKEW:
        yield (
            CheckStatus.WARNING,
            f"it was set back: a file in {data_dir} is of {readable(newest)}, which is still to "
            "come; what was recorded until then seems newer than what comes now",
        )


def _compared(backend: ServiceClock, container: Container) -> Found:
    before = container.clock()()
    try:
        service_time = backend.service_time()
    except Exception as error:
        return CheckStatus.SKIPPED, f"{backend.service} was not asked: {type(error).__name__}"
    if service_time is None:
        return CheckStatus.SKIPPED, f"{backend.service} does not say what time it is"
    after = container.clock()()
    skew = _skew(before, service_time, after)
    if abs(skew) <= MOST_SKEW:
        return CheckStatus.OK, f"as that of {backend.service}, to {MOST_SKEW.seconds} s"
    direction = "ahead of" if skew > timedelta(0) else "behind"
    return (
        CheckStatus.WARNING,
        f"{abs(skew).total_seconds():.0f} s {direction} {backend.service}: start a time service "
        "(chrony, systemd-timesyncd); from 5 minutes on AWS refuses every call",
    )


def _skew(before: datetime, service_time: datetime, after: datetime) -> timedelta:
    """How far this clock is ahead; nothing where the answer came between its two times."""
    if before > service_time:
        return before - service_time
    return min(after - service_time, timedelta(0))
