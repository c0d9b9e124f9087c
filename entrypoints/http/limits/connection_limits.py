"""How many connections may be open: each is a file to the operating system, which counts them."""

import math
import resource
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from entrypoints.http.limits.share import Share

MAX_CONNECTIONS = 1024
"""What each may hold has a bound, so all together have one too."""

ACCEPTED_AT_ONCE = 256
"""asyncio accepts so many before any of them can be closed."""

_OWN_FILES = 64
_OWN_FILES_PER_REQUEST = 4
"""A database with its log, and an entry of the spool with its directory."""

_FEWEST = 64


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections may be open, and how many more may be accepted at one time.

    It answers an attack that opens connections until the process has no file left: then no
    provider can connect, and no database can be opened.
    """

    connections: int = MAX_CONNECTIONS
    accepted_at_once: int = ACCEPTED_AT_ONCE

    @classmethod
    def within(cls, open_files: float) -> Self:
        """The limits when connections may take so many files; a few are always allowed."""
        open_files = max(open_files, _FEWEST)
        accepted_at_once = int(min(ACCEPTED_AT_ONCE, open_files // 4))
        connections = int(min(MAX_CONNECTIONS, open_files - accepted_at_once))
        return cls(connections, accepted_at_once)

    def divided(self, share: Share) -> Self:
        """The limits of one of several processes; a few connections are always allowed."""
        return replace(self, connections=max(share.of(self.connections), _FEWEST))


def reserve_open_files(max_in_flight: int) -> ConnectionLimits:
    """Raise this process's limit of open files as far as needed and allowed.

    Returns the limits for what the server's own files leave.
    """
    own = _OWN_FILES + _OWN_FILES_PER_REQUEST * max_in_flight
    return ConnectionLimits.within(_raised_limit(own + MAX_CONNECTIONS + ACCEPTED_AT_ONCE) - own)


def _raised_limit(wanted: int) -> float:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _number(soft) < wanted:
        # Some systems name a limit that they do not grant.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (int(min(wanted, _number(hard))), hard))
    return _number(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _number(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit
