"""The tables of metrics on the operations page are those of the code."""

import re

from deploy.contents import CONTENTS
from infrastructure.prometheus.metric_names import COUNTED, GAUGES, PREFIX
from tests.documentation.documents import cells

PAGE = "docs/operations.md"
GAUGES_FOLLOW = "the messages that it finds due, once a minute."


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_table_of_counters_maps_the_names_of_both_sides() -> None:
    rows = cells(PAGE, "## Metrics")
    listed = {names(row[0])[0]: (names(row[1]), names(row[2])) for row in rows}
    assert len(listed) == len(rows)
    assert listed == {
        name: ([PREFIX + metric.name], [*metric.labels]) for name, metric in COUNTED.items()
    }


def test_table_of_gauges_has_every_gauge_once() -> None:
    listed = [names(row[1]) for row in cells(PAGE, GAUGES_FOLLOW)]
    assert sorted(listed) == sorted([PREFIX + name] for name in GAUGES)


def test_package_for_lambda_holds_no_client_library_of_prometheus() -> None:
    assert [name for name in CONTENTS if "prometheus" in name] == []
