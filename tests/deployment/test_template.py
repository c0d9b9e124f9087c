"""What the template says, as CloudFormation reads it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from application.recovery.drain_spool import LONGEST_DELAY, MAX_ATTEMPTS
from deploy.stack import SAM, TEMPLATE, tenants_secret
from domain.routing import ALL_QUEUES
from infrastructure.aws.dynamodb.dynamodb_schema import IndexSchema, TableSchema, table_schemas
from infrastructure.configuration.setting_rules import queue_variable
from infrastructure.configuration.settings import Settings
from tests.deployment.translated import FUNCTIONS, resources, translated
from tests.emulators import OFFLINE_AWS

ROOT = TEMPLATE.parents[1]
FOURTEEN_DAYS = 14 * 24 * 3600
TABLES = {
    role: f"{role.title().replace('_', '')}Table"
    for role in ("conversations", "participants", "fallback_throttle")
}
TABLES["messages"] = "MessagesTable"


@pytest.mark.parametrize(
    "command",
    [
        [SAM, "validate", "--lint", "--template", TEMPLATE],
        [SAM.with_name("cfn-lint"), TEMPLATE],
    ],
    ids=["sam validate", "cfn-lint"],
)
def test_the_linters_find_nothing(command: list[Path | str]) -> None:
    environ = {"PATH": os.environ["PATH"], "SAM_CLI_TELEMETRY": "0", **OFFLINE_AWS}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def keys_of(schema: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in schema}


def schema_of(table: str) -> TableSchema:
    """A table of the template as the adapters describe theirs."""
    properties = resources("DynamoDB::Table")[table]
    keys = keys_of(properties["KeySchema"])
    indexes = []
    for index in properties.get("GlobalSecondaryIndexes", []):
        names, projection = keys_of(index["KeySchema"]), index["Projection"]
        included = tuple(projection.get("NonKeyAttributes", ()))
        assert projection["ProjectionType"] == ("INCLUDE" if included else "KEYS_ONLY")
        indexes.append(IndexSchema(index["IndexName"], names["HASH"], names["RANGE"], included))
    expiry = properties.get("TimeToLiveSpecification", {"AttributeName": None, "Enabled": True})
    assert expiry["Enabled"]
    return TableSchema(
        table, keys["HASH"], keys.get("RANGE"), tuple(indexes), expiry["AttributeName"]
    )


def test_the_tables_are_those_that_the_adapters_need() -> None:
    expected = table_schemas(**TABLES)
    assert tuple(schema_of(schema.name) for schema in expected) == expected
    assert {*resources("DynamoDB::Table")} == {*TABLES.values()}


@pytest.mark.parametrize("table", TABLES.values())
def test_a_table_can_be_restored_and_a_production_one_not_be_deleted(table: str) -> None:
    properties = resources("DynamoDB::Table")[table]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    recovery = properties["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}


@pytest.mark.parametrize("resource", [*TABLES.values(), "BlobsBucket"])
def test_what_holds_messages_outlives_its_stack(resource: str) -> None:
    definition = translated()["Resources"][resource]
    assert definition["DeletionPolicy"] == "RetainExceptOnCreate"
    assert definition["UpdateReplacePolicy"] == "Retain"


def variables(function: str) -> dict[str, Any]:
    environment = resources("Lambda::Function")[function]["Environment"]
    return dict(environment["Variables"])


def test_there_is_a_function_for_each_module_that_lambda_calls() -> None:
    handlers = {function["Handler"] for function in resources("Lambda::Function").values()}
    modules = {handler.removesuffix(".lambda_handler") for handler in handlers}
    found = {
        f"entrypoints.aws_lambda.{source.stem}"
        for source in (ROOT / "entrypoints" / "aws_lambda").glob("*.py")
        if "def lambda_handler(" in source.read_text("utf-8")
    }
    assert modules == found
    assert {*resources("Lambda::Function")} == {*FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_no_variable_that_is_not_a_setting(function: str) -> None:
    assert {name.lower() for name in variables(function)} <= Settings.model_fields.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_every_queue_and_the_secret_that_the_deployment_checks(
    function: str,
) -> None:
    given = variables(function)
    for queue in (*map(queue_variable, ALL_QUEUES), "SPOOL_QUEUE_URL"):
        words = queue.removesuffix("_URL").split("_")
        assert given[queue] == {"Ref": "".join(word.title() for word in words)}
    assert given["TENANTS"] == {"Fn::Sub": f"secretsmanager:{tenants_secret('${Stage}')}"}


def version(*parameters: str) -> str:
    (name,) = (
        name
        for name, resource in translated(*parameters)["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    )
    return str(name)


def test_every_release_has_a_version_of_its_own() -> None:
    assert version("Release=0123456789") == version("Release=0123456789", "LogLevel=DEBUG")
    assert version("Release=0123456789") != version("Release=0123456780")


def queues() -> dict[str, dict[str, Any]]:
    found = resources("SQS::Queue")
    return {name: found[name] for name in found if not name.endswith("DeadLetterQueue")}


@pytest.mark.parametrize("name", queues())
def test_what_no_consumer_can_process_goes_to_a_queue_of_its_own(name: str) -> None:
    queue = resources("SQS::Queue")[name]
    dead_letters = name.replace("Queue", "DeadLetterQueue")
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
    for one in (queue, resources("SQS::Queue")[dead_letters]):
        assert one["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert one["SqsManagedSseEnabled"]


def test_the_spool_outlasts_the_attempts_that_frontdesk_makes() -> None:
    queue = resources("SQS::Queue")["SpoolQueue"]
    assert queue["FifoQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 2 * MAX_ATTEMPTS
    longest = MAX_ATTEMPTS * LONGEST_DELAY.total_seconds()
    assert queue["MessageRetentionPeriod"] > longest


def test_the_spool_is_worked_off_one_by_one_and_what_fails_stays() -> None:
    (source,) = resources("Lambda::EventSourceMapping").values()
    assert source["EventSourceArn"] == {"Fn::GetAtt": ["SpoolQueue", "Arn"]}
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    timeout = resources("Lambda::Function")["DrainSpool"]["Timeout"]
    assert resources("SQS::Queue")["SpoolQueue"]["VisibilityTimeout"] >= 6 * timeout


def schedule(function: str) -> str:
    """When a function is called by itself."""
    (rule,) = (
        rule
        for rule in resources("Events::Rule").values()
        if rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    )
    expression: str = rule["ScheduleExpression"]
    return expression


def test_the_relay_runs_every_minute_and_one_at_a_time() -> None:
    assert schedule("RelayOutbox") == "rate(1 minute)"
    assert resources("Lambda::Function")["RelayOutbox"]["Timeout"] < 60


def test_the_purge_runs_every_day_for_as_long_as_lambda_lets_it() -> None:
    assert schedule("Purge") == "rate(1 day)"
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    assert resources("Lambda::Function")["Purge"]["Timeout"] == 900


def test_what_a_schedule_calls_is_not_called_again_when_it_fails() -> None:
    retries = {
        invocations["FunctionName"]["Ref"]: invocations["MaximumRetryAttempts"]
        for invocations in resources("Lambda::EventInvokeConfig").values()
    }
    assert retries == {"RelayOutbox": 0, "Purge": 0}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_knows_for_how_long_things_are_kept(function: str) -> None:
    given = variables(function)
    assert given["MESSAGE_RETENTION_DAYS"] == {"Ref": "MessageRetentionDays"}
    assert given["DEAD_LETTER_RETENTION_DAYS"] == {"Ref": "DeadLetterRetentionDays"}


def test_nothing_refers_to_a_blob_that_has_expired() -> None:
    rules = {
        rule["Id"]: rule
        for rule in resources("S3::Bucket")["BlobsBucket"]["LifecycleConfiguration"]["Rules"]
    }
    for queued in ("contexts", "spool"):
        assert rules[queued]["ExpirationInDays"] * 24 * 3600 > 2 * FOURTEEN_DAYS
    for retained in ("attachments", "messages"):
        assert rules[retained]["Status"] == {"Fn::If": ["KeepsBlobs", "Disabled", "Enabled"]}
    retention = translated()["Parameters"]["MessageRetentionDays"]["AllowedValues"]
    expiry = translated()["Mappings"]["BlobExpiry"]
    assert {days: expiry[days]["Days"] > int(days) for days in retention} == dict.fromkeys(
        expiry, True
    )


def test_the_bucket_is_private_and_unversioned() -> None:
    bucket = resources("S3::Bucket")["BlobsBucket"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    # An old version would keep what was erased.
    assert "VersioningConfiguration" not in bucket


def test_no_provider_is_told_that_it_sent_too_much() -> None:
    body = resources("ApiGateway::RestApi")["Api"]["Body"]
    for kind in ("THROTTLED", "WAF_FILTERED"):
        answer = body["x-amazon-apigateway-gateway-responses"][kind]
        assert answer["statusCode"] == "503"
        assert answer["responseParameters"] == {"gatewayresponse.header.Retry-After": "'30'"}


def test_every_method_reaches_the_function_and_mail_reaches_it_byte_for_byte() -> None:
    body = resources("ApiGateway::RestApi")["Api"]["Body"]
    assert {*body["paths"]["/{proxy+}"]} == {"post", "x-amazon-apigateway-any-method"}
    assert body["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]


def test_the_api_calls_a_snapshot_of_the_function() -> None:
    function = resources("Lambda::Function")["IncomingWebhookHandler"]
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    callers = resources("Lambda::Permission").values()
    called_by_api = [c for c in callers if c["Principal"] == "apigateway.amazonaws.com"]
    assert {permission["FunctionName"]["Ref"] for permission in called_by_api} == {
        "IncomingWebhookHandlerAliaslive"
    }


def dashboard() -> str:
    """The dashboard's JSON, whatever it refers to."""
    text: str = resources("CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    return text


def test_the_dashboard_shows_every_metric_of_the_code() -> None:
    counted = set()
    for source in (ROOT / "application").rglob("*.py"):
        counted |= set(re.findall(r'metrics\.\w+\(\s*"(\w+)"', source.read_text("utf-8")))
    assert counted >= {"WebhooksReceived", "ProcessingMilliseconds"}
    titles = json.dumps([w["properties"]["metrics"] for w in json.loads(dashboard())["widgets"]])
    assert [name for name in counted if name not in titles] == []


def test_the_dashboard_and_an_alarm_show_the_errors_of_every_function() -> None:
    errors = json.dumps(resources("CloudWatch::Alarm")["FunctionErrorsAlarm"]["Metrics"])
    for function in FUNCTIONS:
        assert f'{{"Ref": "{function}"}}' in errors
        assert f'"Errors", "FunctionName", "${{{function}}}"' in dashboard()


def test_an_alarm_tells_somebody_when_it_goes_off_and_when_it_is_over() -> None:
    alarms = resources("CloudWatch::Alarm")
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching" or alarm["InsufficientDataActions"]


@pytest.mark.parametrize("name", ["PendingAlarm", "SpooledAlarm"])
def test_an_alarm_on_a_metric_of_ours_names_it_as_the_code_does(name: str) -> None:
    alarm = resources("CloudWatch::Alarm")[name]
    assert alarm["Namespace"] == {"Fn::Sub": "Frontdesk/${Stage}"}
    # A metric with dimensions would be another one.
    assert f'count("{alarm["MetricName"]}"' in "".join(
        source.read_text("utf-8") for source in (ROOT / "application").rglob("*.py")
    )
    assert "Dimensions" not in alarm


def test_the_operations_guide_explains_every_alarm_and_parameter() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    names = [alarm["AlarmName"]["Fn::Sub"] for alarm in resources("CloudWatch::Alarm").values()]
    shown = [f"`{name.removeprefix('${AWS::StackName}-')}`" for name in names]
    shown += [f"`{name}`" for name in translated()["Parameters"]]
    assert [name for name in shown if name not in guide] == []
