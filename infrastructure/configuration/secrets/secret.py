"""A text that is never shown by accident."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Holds ``text``, which no log, error or ``repr`` shows."""

    text: str = field(repr=False)

    def get_secret_value(self) -> str:
        """The text itself, for the place that needs it."""
        return self.text
