"""What a scrape says, read as Prometheus reads it."""

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from application.ports.metrics import Reading
from infrastructure.prometheus.metrics_page import MetricsPage
from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics


class Samples:
    """The samples of one text."""

    def __init__(self, text: str) -> None:
        families = [*text_string_to_metric_families(text)]
        self.families = {family.name: family.type for family in families}
        self.all = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one sample with this name and these labels, if there is one."""
        found = [s.value for s in self.all if s.name == f"frontdesk_{name}" and s.labels == labels]
        assert len(found) <= 1, found
        return found[0] if found else None

    def named(self, name: str) -> dict[tuple[str, ...], float]:
        """The samples with this name, by the values of their labels."""
        found = (sample for sample in self.all if sample.name == f"frontdesk_{name}")
        return {tuple(sample.labels.values()): sample.value for sample in found}


def scrape(metrics: PrometheusMetrics, readings: Iterable[Reading] = ()) -> Samples:
    """What the page says of these metrics, in the old text format."""
    text, _ = MetricsPage(metrics.shared.totals)(readings)
    return Samples(text.decode())
