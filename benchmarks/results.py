"""The results as they are stored: what was measured, on what, and what was not."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
BEFORE = FOLDER / "before.json"


@dataclass
class Results:
    """Values by figure, in the order of the rounds. ``skipped`` gives the reason of a measure."""

    date: str
    machine: Mapping[str, str]
    figures: dict[str, Sequence[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def median(self, figure: str) -> float | None:
        """The middle value; ``None`` if it was not measured."""
        values = self.figures.get(figure)
        return statistics.median(values) if values else None

    def spread(self, figure: str) -> tuple[float, float, float]:
        """The lowest, the middle and the highest value."""
        values = self.figures[figure]
        return min(values), statistics.median(values), max(values)

    def write(self, path: Path) -> None:
        """Store them as JSON, rounded to what can be told."""
        rounded = {
            name: [float(f"{value:.4g}") for value in values]
            for name, values in self.figures.items()
        }
        told = {**asdict(self), "figures": rounded, "seconds": round(self.seconds)}
        lines = json.dumps(told, indent=1)
        path.write_text(lines + "\n", "utf-8")


def read_results(path: Path) -> Results | None:
    """What was stored there, if anything was."""
    return Results(**json.loads(path.read_text("utf-8"))) if path.exists() else None
