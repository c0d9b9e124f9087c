"""The alarms and the dashboard of the template."""

import json
import re

import pytest

from tests.deployment.test_template import ROOT
from tests.deployment.translated import FUNCTIONS, resources, translated


def dashboard() -> str:
    """The dashboard's JSON."""
    text: str = resources("CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    return text


def test_dashboard_shows_every_metric_of_the_code() -> None:
    counted = set()
    for source in (ROOT / "application").rglob("*.py"):
        counted |= set(re.findall(r'metrics\.\w+\(\s*"(\w+)"', source.read_text("utf-8")))
    assert counted >= {"WebhooksReceived", "ProcessingMilliseconds"}
    titles = json.dumps([w["properties"]["metrics"] for w in json.loads(dashboard())["widgets"]])
    assert [name for name in counted if name not in titles] == []


def test_dashboard_and_alarm_show_the_errors_of_every_function() -> None:
    errors = json.dumps(resources("CloudWatch::Alarm")["FunctionErrorsAlarm"]["Metrics"])
    for function in FUNCTIONS:
        assert f'{{"Ref": "{function}"}}' in errors
        assert f'"Errors", "FunctionName", "${{{function}}}"' in dashboard()


def test_each_alarm_notifies_the_operator_at_its_beginning_and_its_end() -> None:
    alarms = resources("CloudWatch::Alarm")
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching" or alarm["InsufficientDataActions"]


@pytest.mark.parametrize("name", ["PendingAlarm", "SpooledAlarm"])
def test_alarm_on_a_frontdesk_metric_has_the_name_in_the_code(name: str) -> None:
    alarm = resources("CloudWatch::Alarm")[name]
    assert alarm["Namespace"] == {"Fn::Sub": "Frontdesk/${Stage}"}
    # A metric with dimensions would be a different metric.
    assert f'count("{alarm["MetricName"]}"' in "".join(
        source.read_text("utf-8") for source in (ROOT / "application").rglob("*.py")
    )
    assert "Dimensions" not in alarm


def test_operations_guide_explains_every_alarm_and_parameter() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    names = [alarm["AlarmName"]["Fn::Sub"] for alarm in resources("CloudWatch::Alarm").values()]
    shown = [f"`{name.removeprefix('${AWS::StackName}-')}`" for name in names]
    shown += [f"`{name}`" for name in translated()["Parameters"]]
    assert [name for name in shown if name not in guide] == []
