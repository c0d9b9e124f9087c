"""The alert rules and the dashboard fit the metrics, and the alarms of the template."""

import json
import re

import pytest

from infrastructure.prometheus.metric_names import COUNTED, GAUGES, PREFIX
from tests.deployment.test_template import ROOT
from tests.deployment.translated import resources
from tests.documentation.documents import cells

ALERTS = (ROOT / "deploy/prometheus/alerts.yaml").read_text("utf-8")
ALERT_TESTS = (ROOT / "tests/deployment/alerts_test.yaml").read_text("utf-8")
DASHBOARD = json.loads((ROOT / "deploy/grafana/frontdesk.json").read_text("utf-8"))

RULES = dict(re.findall(r"- alert: (\w+)\n +expr: (.+)\n", ALERTS))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

SAME_THRESHOLD = {
    "FrontdeskVerificationFailures": "VerificationFailures",
    "FrontdeskErrors": "Errors",
    "FrontdeskSpoolAge": "SpoolAge",
    "FrontdeskSpoolDepth": "SpoolDepth",
    "FrontdeskServerErrors": "ApiServerErrors",
}
SAME_THRESHOLD_OF_ONE = {
    "FrontdeskDeadLetters": "DeadLetters",
    "FrontdeskSpooled": "Spooled",
    "FrontdeskSpoolBrokenEntries": "SpoolDeadLetters",
    "FrontdeskTooLarge": "TooLarge",
}


def exposed() -> set[str]:
    """The names of all samples that a scrape may have."""
    names = {PREFIX + name for name in GAUGES}
    for metric in COUNTED.values():
        endings = ("_bucket", "_sum", "_count") if metric.bounds else ("",)
        names |= {PREFIX + metric.name + ending for ending in endings}
    return names


def named_in(*texts: str) -> set[str]:
    return {name for text in texts for name in re.findall(rf"\b{PREFIX}[a-z_]+", text)}


def test_dashboard_and_alerts_ask_for_metrics_that_exist() -> None:
    assert len(RULES) == ALERTS.count("- alert:")
    assert named_in(*EXPRESSIONS, *RULES.values()) <= exposed()


def test_dashboard_shows_every_metric() -> None:
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in named_in(*EXPRESSIONS)}
    names = {*(metric.name for metric in COUNTED.values()), *GAUGES}
    assert {PREFIX + name for name in names} - shown == set()


def test_dashboard_uses_the_data_source_that_is_chosen_in_it() -> None:
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_every_alert_says_what_to_do_and_has_a_test() -> None:
    texts = re.split(r"- alert: ", ALERTS)[1:]
    for text in texts:
        assert "summary: >-" in text
        assert "description: " in text
    assert [name for name in RULES if name not in ALERT_TESTS] == []


@pytest.mark.parametrize("alert", [*SAME_THRESHOLD, *SAME_THRESHOLD_OF_ONE])
def test_alert_has_the_threshold_and_period_of_the_alarm(alert: str) -> None:
    name = {**SAME_THRESHOLD, **SAME_THRESHOLD_OF_ONE}[alert]
    alarm = resources("CloudWatch::Alarm")[f"{name}Alarm"]
    threshold = alarm["Threshold"]
    ending = " > 0" if alert in SAME_THRESHOLD_OF_ONE else f" >= {threshold}"
    assert threshold == 1 or alert in SAME_THRESHOLD
    assert RULES[alert].endswith(ending)
    period = alarm.get("Period") or alarm["Metrics"][0]["Period"]
    assert ("[5m]" in RULES[alert]) == ("increase" in RULES[alert])
    assert period == 300


def test_alert_of_slow_webhooks_is_that_of_the_function() -> None:
    alarm = resources("CloudWatch::Alarm")["FunctionDurationAlarm"]
    assert RULES["FrontdeskSlow"].startswith("histogram_quantile(0.99, ")
    assert alarm["ExtendedStatistic"] == "p99"
    assert RULES["FrontdeskSlow"].endswith(f" >= {alarm['Threshold'] // 1000}")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 5 * 60 + 10 * 60
    assert "for: 10m" in ALERTS.partition("- alert: FrontdeskSlow")[2].partition("- alert:")[0]


def test_alert_of_old_contexts_has_the_default_of_the_template() -> None:
    parameter = resources_parameter("QueueAgeAlarmSeconds")
    assert RULES["FrontdeskQueueAge"].endswith(f" >= {parameter}")


def resources_parameter(name: str) -> int:
    """The default of a parameter of the template."""
    template = (ROOT / "deploy/template.yaml").read_text("utf-8")
    found = re.search(rf"^  {name}:\n(?:    .*\n)*?    Default: (\d+)$", template, re.M)
    assert found is not None
    return int(found[1])


def test_page_about_operations_lists_every_alert_and_alarm() -> None:
    rows = cells("docs/operations.md", "## Alarms")
    alerts = {alert for row in rows for alert in re.findall(r"`(Frontdesk\w+)`", row[1])}
    assert alerts == RULES.keys()
    alarms = {alarm for row in rows for alarm in re.findall(r"`([a-z-]+)`", row[0])}
    names = [one["AlarmName"]["Fn::Sub"] for one in resources("CloudWatch::Alarm").values()]
    assert alarms == {name.removeprefix("${AWS::StackName}-") for name in names}
