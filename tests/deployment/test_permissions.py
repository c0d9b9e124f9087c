"""The permissions that the template gives to each function."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment.resolved import of_type, resolved
from tests.deployment.translated import FUNCTIONS, resources

Statement = tuple[str, str, dict[str, Any]]


def inline_policies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each policy with the name of its role: inline policies and shared ones."""
    for name, role in resources("IAM::Role").items():
        yield from ((name, policy) for policy in role.get("Policies", ()))
    for policy in resources("IAM::Policy").values():
        yield from ((role["Ref"], policy) for role in policy["Roles"])


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def statements() -> list[Statement]:
    """The permissions of each function: role, id and statement; conditional ones too."""
    return [
        (role, statement["Sid"], statement)
        for role, policy in inline_policies()
        for given in policy["PolicyDocument"]["Statement"]
        for statement in [given["Fn::If"][1] if "Fn::If" in given else given]
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_its_own_role_and_its_own_log(function: str) -> None:
    properties = resources("Lambda::Function")[function]
    assert properties["Role"] == {"Fn::GetAtt": [f"{function}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{function}LogGroup"}}
    assert "ManagedPolicyArns" not in resources("IAM::Role")[f"{function}Role"]
    (log,) = [s for role, sid, s in statements() if (role, sid) == (f"{function}Role", "Log")]
    assert log["Resource"] == {"Fn::GetAtt": [f"{function}LogGroup", "Arn"]}


@pytest.mark.parametrize("statement", statements(), ids=lambda one: f"{one[0]}-{one[1]}")
def test_each_permission_names_its_actions_and_its_resources(statement: Statement) -> None:
    _, _, permission = statement
    assert "*" not in json.dumps(permission["Action"])
    if permission["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]:
        return  # X-Ray has no resources that could be named.
    # Only prefixes of the bucket's keys are not named in full.
    assert '"*' not in json.dumps(permission["Resource"])
    assert ":*" not in json.dumps(permission["Resource"])


def test_relay_role_can_neither_record_messages_nor_read_the_spool() -> None:
    allowed = {sid for role, sid, _ in statements() if role == "RelayOutboxRole"}
    assert not allowed & {"RecordMessages", "ThrottleFallbacks", "Spool", "TakeSpooled"}


def test_purge_role_can_neither_read_secrets_nor_use_queues() -> None:
    allowed = [permission for role, _, permission in statements() if role == "PurgeRole"]
    services = {one.partition(":")[0] for given in allowed for one in _listed(given["Action"])}
    assert services == {"dynamodb", "s3", "logs", "kms", "xray"}
    for place in ("FallbackThrottleTable", "ParticipantsTable", "spool/"):
        assert place not in json.dumps(allowed)


def queue_policies(*parameters: str) -> dict[str, dict[str, Any]]:
    """The statements for each queue, by their ids."""
    found: dict[str, dict[str, Any]] = {}
    for policy in of_type("SQS::QueuePolicy", *parameters).values():
        by_sid = {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}
        for queue in policy["Queues"]:
            # A queue has one policy: a second one would replace the first.
            assert queue["Ref"] not in found
            found[queue["Ref"]] = by_sid
    return found


@pytest.mark.parametrize("queue", resources("SQS::Queue"))
def test_queue_refuses_every_call_without_tls(queue: str) -> None:
    denied = queue_policies()[queue]["NothingInTheClear"]
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "sqs:*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Resource"] in ("*", {"Fn::GetAtt": [queue, "Arn"]})


SERVER, OPERATOR = (f"arn:aws:iam::123456789012:role/{name}" for name in ("server", "operator"))


@pytest.mark.parametrize(
    ("parameters", "others"),
    [
        ((), []),
        ((f"ServerRole={SERVER}",), [SERVER]),
        ((f"ServerRole={SERVER}", f"OperatorRole={OPERATOR}"), [SERVER, OPERATOR]),
    ],
)
def test_only_the_webhook_function_and_roles_that_are_named_may_write_to_the_spool(
    parameters: tuple[str, ...], others: list[str]
) -> None:
    denied = queue_policies(*parameters)["SpoolQueue"]["NobodyElseSpools"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert denied["Action"] == "sqs:SendMessage"
    assert denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"] == [
        {"Fn::GetAtt": ["IncomingWebhookHandlerRole", "Arn"]},
        *others,
    ]


def test_only_the_spool_queue_may_fill_its_dead_letter_queue() -> None:
    allowed = resources("SQS::Queue")["SpoolDeadLetterQueue"]["RedriveAllowPolicy"]
    (source,) = allowed["sourceQueueArns"]
    name = resources("SQS::Queue")["SpoolQueue"]["QueueName"]["Fn::Sub"]
    assert allowed["redrivePermission"] == "byQueue"
    assert source["Fn::Sub"].endswith(f":{name}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_may_list_the_prefixes_that_it_reads_or_deletes(function: str) -> None:
    """Without s3:ListBucket a missing object is a 403, which looks like an outage."""
    own = [permission for role, _, permission in statements() if role == f"{function}Role"]
    used = {
        resource["Fn::Sub"].removeprefix("${BlobsBucket.Arn}/")
        for permission in own
        if {*_listed(permission["Action"])} & {"s3:GetObject", "s3:DeleteObject"}
        for resource in _listed(permission["Resource"])
    }
    found = {
        prefix
        for permission in own
        if permission["Action"] == "s3:ListBucket"
        for prefix in _listed(permission["Condition"]["StringLike"]["s3:prefix"])
    }
    assert used
    assert used <= found


def test_functions_write_traces_only_where_that_is_chosen() -> None:
    assert "WriteTraces" not in resolved()
    (write,) = of_type("IAM::Policy", "Tracing=Active")["WriteTraces"]["PolicyDocument"][
        "Statement"
    ]
    assert write["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    roles = of_type("IAM::Policy", "Tracing=Active")["WriteTraces"]["Roles"]
    assert roles == [{"Ref": f"{function}Role"} for function in FUNCTIONS]


@pytest.mark.parametrize("mode", ["PassThrough", "Active"])
def test_api_and_functions_are_traced_together(mode: str) -> None:
    functions = of_type("Lambda::Function", f"Tracing={mode}").values()
    assert [one["TracingConfig"] for one in functions] == [{"Mode": mode}] * len(FUNCTIONS)
    (stage,) = of_type("ApiGateway::Stage", f"Tracing={mode}").values()
    assert stage["TracingEnabled"] is (mode == "Active")
