"""The alarms and the dashboard of the template."""

import json
import re

import pytest

from tests.deployment.resolved import of_type
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


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_dashboard_and_alarm_show_failures_and_throttles_of_every_function(
    function: str, metric: str
) -> None:
    greatest, *watched = resources("CloudWatch::Alarm")[f"Function{metric}Alarm"]["Metrics"]
    assert greatest == {"Id": "greatest", "Expression": "MAX(METRICS())", "ReturnData": True}
    metrics = [one["MetricStat"]["Metric"] for one in watched]
    dimensions = [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions} in metrics
    assert f'"{metric}", "FunctionName", "${{{function}}}"' in dashboard()


def test_alarm_goes_off_when_the_purge_has_not_run_for_over_a_day() -> None:
    alarm = resources("CloudWatch::Alarm")["PurgeMissedAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Purge"}}]
    # Without a call there is no data at all.
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    hours = alarm["DatapointsToAlarm"] * alarm["Period"] / 3600
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    assert 24 < hours <= 36


def test_alarm_goes_off_when_the_api_answers_413() -> None:
    (found,) = resources("Logs::MetricFilter").values()
    (counted,) = found["MetricTransformations"]
    alarm = resources("CloudWatch::Alarm")["TooLargeAlarm"]
    assert alarm["Namespace"] == counted["MetricNamespace"] == {"Fn::Sub": "Frontdesk/${Stage}"}
    assert alarm["MetricName"] == counted["MetricName"]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)

    # The pattern is for the access log, whose statuses are strings.
    (stage,) = resources("ApiGateway::Stage").values()
    assert found["LogGroupName"] == {"Ref": "ApiLogGroup"}
    assert json.loads(stage["AccessLogSetting"]["Format"])["status"] == "$context.status"
    assert found["FilterPattern"] == '{ $.status = "413" }'


def test_topic_of_the_alarms_is_encrypted_with_a_key_that_cloudwatch_may_use() -> None:
    (topic,) = of_type("SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": ["AlarmsKey", "Arn"]}
    policy = of_type("KMS::Key")["AlarmsKey"]["KeyPolicy"]["Statement"]
    (granted,) = [one for one in policy if one["Sid"] == "PublishAlarms"]
    assert granted["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert granted["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_stage_without_alarms_pays_for_no_key() -> None:
    (topic,) = of_type("SNS::Topic", "WithAlarms=no").values()
    assert topic["KmsMasterKeyId"] == "alias/aws/sns"
    assert of_type("KMS::Key", "WithAlarms=no") == {}
    assert of_type("CloudWatch::Alarm", "WithAlarms=no") == {}
    assert of_type("Logs::MetricFilter", "WithAlarms=no") == {}


def test_each_alarm_notifies_the_operator_at_its_beginning_and_its_end() -> None:
    alarms = resources("CloudWatch::Alarm")
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        missing = alarm["TreatMissingData"]
        assert missing in ("notBreaching", "breaching") or alarm["InsufficientDataActions"]


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
