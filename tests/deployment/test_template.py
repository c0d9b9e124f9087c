"""The template as CloudFormation reads it."""

import re
from typing import Any

import pytest

from application.recovery.drain_spool import LONGEST_DELAY, MAX_ATTEMPTS
from deploy.stack import TEMPLATE, tenants_secret
from domain.queues import ALL_QUEUES
from infrastructure.aws.dynamodb.dynamodb_schema import IndexSchema, TableSchema, table_schemas
from infrastructure.configuration.setting_rules import queue_variable
from infrastructure.configuration.settings import VARIABLES
from tests.deployment.resolved import broken_rules, of_type
from tests.deployment.translated import FUNCTIONS, resources, translated

ROOT = TEMPLATE.parents[1]
FOURTEEN_DAYS = 14 * 24 * 3600
TABLES = {
    role: f"{role.title().replace('_', '')}Table"
    for role in ("conversations", "participants", "fallback_throttle")
}
TABLES["messages"] = "MessagesTable"
LOGS = ["ApiLogGroup", *(f"{function}LogGroup" for function in FUNCTIONS)]


def keys_of(schema: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in schema}


def schema_of(table: str) -> TableSchema:
    """The schema of a table in the template, in the form of the adapters' schemas."""
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


def test_tables_of_the_template_match_the_schemas_of_the_adapters() -> None:
    expected = table_schemas(**TABLES)
    assert tuple(schema_of(schema.name) for schema in expected) == expected
    assert {*resources("DynamoDB::Table")} == {*TABLES.values()}


@pytest.mark.parametrize("table", TABLES.values())
def test_table_can_be_restored_and_in_production_not_be_deleted(table: str) -> None:
    properties = resources("DynamoDB::Table")[table]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"]["SSEEnabled"] is True
    recovery = properties["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}


@pytest.mark.parametrize("resource", [*TABLES.values(), "BlobsBucket", *LOGS])
def test_tables_bucket_and_logs_are_retained_when_the_stack_is_deleted(resource: str) -> None:
    definition = translated()["Resources"][resource]
    assert definition["DeletionPolicy"] == "RetainExceptOnCreate"
    assert definition["UpdateReplacePolicy"] == "Retain"


def variables(function: str) -> dict[str, Any]:
    environment = resources("Lambda::Function")[function]["Environment"]
    return dict(environment["Variables"])


def test_each_module_with_a_lambda_handler_has_a_function() -> None:
    handlers = {function["Handler"] for function in resources("Lambda::Function").values()}
    modules = {handler.removesuffix(".lambda_handler") for handler in handlers}
    found = {
        f"entrypoints.aws_lambda.{source.stem}"
        for source in (ROOT / "entrypoints" / "aws_lambda").glob("*.py")
        if re.search("^(def )?lambda_handler", source.read_text("utf-8"), re.MULTILINE)
    }
    assert modules == found
    assert {*resources("Lambda::Function")} == {*FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_variable_of_a_function_is_a_setting(function: str) -> None:
    assert {name.lower() for name in variables(function)} <= VARIABLES.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_every_queue_and_the_secret_that_the_deployment_checks(
    function: str,
) -> None:
    given = variables(function)
    for queue in (*map(queue_variable, ALL_QUEUES), "SPOOL_QUEUE_URL"):
        words = queue.removesuffix("_URL").split("_")
        assert given[queue] == {"Ref": "".join(word.title() for word in words)}
    assert given["TENANTS"] == {"Fn::Sub": f"secretsmanager:{tenants_secret('${Stage}')}"}


def queues() -> dict[str, dict[str, Any]]:
    found = resources("SQS::Queue")
    return {name: found[name] for name in found if not name.endswith("DeadLetterQueue")}


@pytest.mark.parametrize("name", queues())
def test_each_queue_has_a_dead_letter_queue(name: str) -> None:
    queue = resources("SQS::Queue")[name]
    dead_letters = name.replace("Queue", "DeadLetterQueue")
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
    for one in (queue, resources("SQS::Queue")[dead_letters]):
        assert one["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_spool_queue_retains_entries_longer_than_frontdesk_retries_them() -> None:
    queue = resources("SQS::Queue")["SpoolQueue"]
    assert queue["FifoQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 2 * MAX_ATTEMPTS
    longest = MAX_ATTEMPTS * LONGEST_DELAY.total_seconds()
    assert queue["MessageRetentionPeriod"] > longest


def test_spool_queue_delivers_entries_one_by_one_and_retains_failed_ones() -> None:
    (source,) = resources("Lambda::EventSourceMapping").values()
    assert source["EventSourceArn"] == {"Fn::GetAtt": ["SpoolQueue", "Arn"]}
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    timeout = resources("Lambda::Function")["DrainSpool"]["Timeout"]
    assert resources("SQS::Queue")["SpoolQueue"]["VisibilityTimeout"] >= 6 * timeout


def schedule(function: str) -> str:
    """The schedule of a function."""
    (rule,) = (
        rule
        for rule in resources("Events::Rule").values()
        if rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    )
    expression: str = rule["ScheduleExpression"]
    return expression


def test_relay_runs_every_minute_and_one_at_a_time() -> None:
    assert schedule("RelayOutbox") == "rate(1 minute)"
    assert resources("Lambda::Function")["RelayOutbox"]["Timeout"] < 60


def test_purge_runs_every_day_for_as_long_as_lambda_allows() -> None:
    assert schedule("Purge") == "rate(1 day)"
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    assert resources("Lambda::Function")["Purge"]["Timeout"] == 900


def test_failed_scheduled_function_is_not_called_again_by_lambda() -> None:
    retries = {
        invocations["FunctionName"]["Ref"]: invocations["MaximumRetryAttempts"]
        for invocations in resources("Lambda::EventInvokeConfig").values()
    }
    assert retries == {"RelayOutbox": 0, "Purge": 0}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_the_retention_settings(function: str) -> None:
    given = variables(function)
    assert given["MESSAGE_RETENTION_DAYS"] == {"Ref": "MessageRetentionDays"}
    assert given["DEAD_LETTER_RETENTION_DAYS"] == {"Ref": "DeadLetterRetentionDays"}


def test_blobs_expire_later_than_the_records_that_refer_to_them() -> None:
    rules = {
        rule["Id"]: rule
        for rule in resources("S3::Bucket")["BlobsBucket"]["LifecycleConfiguration"]["Rules"]
    }
    for queued in ("contexts", "spool"):
        assert rules[queued]["ExpirationInDays"] * 24 * 3600 > 2 * FOURTEEN_DAYS
    for remaining in ("attachments", "messages"):
        assert rules[remaining]["Status"] == {"Fn::If": ["KeepsBlobs", "Disabled", "Enabled"]}
    retention = translated()["Parameters"]["MessageRetentionDays"]["AllowedValues"]
    expiry = translated()["Mappings"]["BlobExpiry"]
    assert {days: expiry[days]["Days"] > int(days) for days in retention} == dict.fromkeys(
        expiry, True
    )


def test_bucket_is_private_and_unversioned() -> None:
    bucket = resources("S3::Bucket")["BlobsBucket"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    # An old version would retain erased data.
    assert "VersioningConfiguration" not in bucket


def test_throttled_provider_receives_503_with_retry_after() -> None:
    body = resources("ApiGateway::RestApi")["Api"]["Body"]
    for kind in ("THROTTLED", "WAF_FILTERED"):
        response = body["x-amazon-apigateway-gateway-responses"][kind]
        assert response["statusCode"] == "503"
        assert response["responseParameters"] == {"gatewayresponse.header.Retry-After": "'30'"}


def test_api_takes_so_many_requests_a_second_and_at_one_moment() -> None:
    (stage,) = of_type("ApiGateway::Stage", "RequestsPerSecond=20", "RequestBurst=30").values()
    assert stage["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": "20",
            "ThrottlingBurstLimit": "30",
        }
    ]


def test_webhooks_share_the_concurrency_of_the_account_unless_some_is_reserved() -> None:
    def reserved(*parameters: str) -> object:
        function = of_type("Lambda::Function", *parameters)["IncomingWebhookHandler"]
        return function.get("ReservedConcurrentExecutions")

    # An account whose limit is 10 could not deploy any other default.
    assert reserved() is None
    assert reserved("ReservedConcurrency=50") == "50"


def endpoint(*parameters: str) -> object:
    """What the API says of its own address at execute-api."""
    (server,) = of_type("ApiGateway::RestApi", *parameters)["Api"]["Body"]["servers"]
    return server["x-amazon-apigateway-endpoint-configuration"]


def test_default_endpoint_can_be_disabled_beside_a_domain() -> None:
    own_domain = ("DomainName=hooks.example.com", "CertificateArn=arn:certificate")
    disabled = "DefaultEndpoint=disabled"
    assert endpoint(*own_domain) == {"disableExecuteApiEndpoint": False}
    assert endpoint(*own_domain, disabled) == {"disableExecuteApiEndpoint": True}
    assert broken_rules(*own_domain, disabled) == []
    assert broken_rules(disabled) == ["without its default endpoint the API needs DomainName"]


def test_stage_of_the_api_is_deployed_again_each_time() -> None:
    # Without it, a changed DefaultEndpoint would have no effect.
    assert len({*deployment("LogLevel=DEBUG"), *deployment("LogLevel=INFO")}) == 2


def deployment(*parameters: str) -> list[str]:
    """The logical id of the API's deployment."""
    return [*of_type("ApiGateway::Deployment", *parameters)]


def test_every_method_reaches_the_function_and_mail_arrives_as_bytes() -> None:
    body = resources("ApiGateway::RestApi")["Api"]["Body"]
    assert {*body["paths"]["/{proxy+}"]} == {"post", "x-amazon-apigateway-any-method"}
    assert body["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]
