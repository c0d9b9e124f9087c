"""How many connections there may be: each is a file to the operating system, which counts them."""

import math
import resource
from contextlib import suppress
from dataclasses import dataclass

MAX_CONNECTIONS = 1024
"""What each may hold has a bound, so all together have one too."""

ACCEPTED_AT_ONCE = 256
"""asyncio accepts so many before any of them can be closed."""

_OWN_FILES = 64
_OWN_FILES_A_PLACE = 4
"""A database with its log, and an entry of the spool with its directory."""

_FEWEST = 64


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections may be open, and how many accepted beyond that at one time."""

    connections: int = MAX_CONNECTIONS
    accepted_at_once: int = ACCEPTED_AT_ONCE


def connection_limits(max_in_flight: int) -> ConnectionLimits:
    """Raise this process's limit of open files as far as needed and allowed; the room there is."""
    own = _OWN_FILES + _OWN_FILES_A_PLACE * max_in_flight
    return limits_within(_raised(own + MAX_CONNECTIONS + ACCEPTED_AT_ONCE) - own)


def limits_within(files: float) -> ConnectionLimits:
    """The room for connections in so many files."""
    accepted_at_once = min(ACCEPTED_AT_ONCE, max(files, _FEWEST) // 4)
    connections = min(MAX_CONNECTIONS, max(files, _FEWEST) - accepted_at_once)
    return ConnectionLimits(int(connections), int(accepted_at_once))


def _raised(wanted: int) -> float:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _number(soft) < wanted:
        # Some systems name a limit that they do not grant.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (int(min(wanted, _number(hard))), hard))
    return _number(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _number(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit
