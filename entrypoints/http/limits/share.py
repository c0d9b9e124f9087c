"""What each of several processes may take of a limit that is the server's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the process with this ``number``, from 0, among ``processes``."""

    number: int = 0
    processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one process that does what only one has to."""
        return self.number == 0

    def of(self, total: int) -> int:
        """This process's part of ``total``, at least 1; all parts together are ``total``."""
        rest = total % self.processes
        return max(total // self.processes + (self.number < rest), 1)


THE_WHOLE = Share()
"""What the only process of a server may take."""
