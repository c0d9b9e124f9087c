"""How a new version of the function takes over, and how long the ones before it stay."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from boto3.session import Session

from deploy.versions import delete_old_versions
from tests.deployment.deployed import STACK
from tests.deployment.resolved import broken_rules, of_type, resolved
from tests.deployment.translated import resources, translated
from tests.emulators import EmulatedAws

FUNCTION = f"{STACK}-IncomingWebhookHandler"
CANARY = "Deployment=Canary10Percent10Minutes"


def version(*parameters: str) -> str:
    (name,) = (
        name
        for name, resource in translated(*parameters)["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    )
    return str(name)


def test_every_release_has_its_own_version() -> None:
    assert version("Release=0123456789") == version("Release=0123456789", "LogLevel=DEBUG")
    assert version("Release=0123456789") != version("Release=0123456780")


def test_api_calls_a_snapshot_of_the_function() -> None:
    function = resources("Lambda::Function")["IncomingWebhookHandler"]
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    callers = resources("Lambda::Permission").values()
    called_by_api = [c for c in callers if c["Principal"] == "apigateway.amazonaws.com"]
    assert {permission["FunctionName"]["Ref"] for permission in called_by_api} == {
        "IncomingWebhookHandlerAliaslive"
    }


def test_new_version_takes_over_at_once_by_default() -> None:
    assert "UpdatePolicy" not in resolved()["IncomingWebhookHandlerAliaslive"]
    assert of_type("CodeDeploy::DeploymentGroup") == {}


@pytest.mark.parametrize("name", translated()["Parameters"]["Deployment"]["AllowedValues"][1:])
def test_new_version_takes_over_step_by_step_where_that_is_chosen(name: str) -> None:
    parameter = f"Deployment={name}"
    alias = resolved(parameter)["IncomingWebhookHandlerAliaslive"]
    ((group, rules),) = of_type("CodeDeploy::DeploymentGroup", parameter).items()
    shifting = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert shifting["DeploymentGroupName"] == {"Ref": group}
    config = rules["DeploymentConfigName"]["Fn::Sub"]
    assert config == ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": name}]


def test_gradual_deployment_is_rolled_back_by_alarms_that_exist() -> None:
    (group,) = of_type("CodeDeploy::DeploymentGroup", CANARY).values()
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["AutoRollbackConfiguration"]["Enabled"]
    alarms = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    # An error of new code is a failed function, a 5xx, a dead letter, or a full spool.
    assert alarms == {
        "FunctionErrorsAlarm",
        "ApiServerErrorsAlarm",
        "ErrorsAlarm",
        "DeadLettersAlarm",
        "SpooledAlarm",
    }
    assert alarms <= of_type("CloudWatch::Alarm", CANARY).keys()


def test_alarms_that_roll_back_go_off_before_the_first_step_is_over() -> None:
    alarms = resources("CloudWatch::Alarm")
    (group,) = of_type("CodeDeploy::DeploymentGroup", CANARY).values()
    for alarm in group["AlarmConfiguration"]["Alarms"]:
        assert alarms[alarm["Name"]["Ref"]]["EvaluationPeriods"] == 1


def test_gradual_deployment_needs_alarms() -> None:
    assert broken_rules(CANARY) == []
    problem = "a gradual Deployment needs alarms, which roll it back"
    assert broken_rules(CANARY, "WithAlarms=no") == [problem]


def test_stack_does_not_delete_the_version_before() -> None:
    (one,) = (one for one in resolved().values() if one["Type"] == "AWS::Lambda::Version")
    assert one["DeletionPolicy"] == "Retain"


@pytest.fixture(scope="module")
def empty_function() -> bytes:
    """The package of a function that starts at once."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("empty.py", "def handler(event, context): pass")
    return package.getvalue()


@pytest.fixture
def functions(
    ministack: EmulatedAws, empty_function: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A client of functions, and one of them with a live version, as a deployment leaves it."""
    for name, value in ministack.environ.items():
        monkeypatch.setenv(name, value)
    functions: Any = Session().client("lambda")  # typed for known services alone
    version = functions.create_function(
        FunctionName=FUNCTION,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/nobodys",
        Handler="empty.handler",
        Code={"ZipFile": empty_function},
        SnapStart={"ApplyOn": "PublishedVersions"},
        Publish=True,
    )["Version"]
    functions.create_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=version)
    yield functions
    functions.delete_function(FunctionName=FUNCTION)


def publish(functions: Any, description: str) -> str:
    """Publish a version; its number."""
    functions.update_function_configuration(FunctionName=FUNCTION, Description=description)
    return str(functions.publish_version(FunctionName=FUNCTION)["Version"])


def test_deployment_deletes_all_versions_but_the_live_one_and_the_one_before(
    functions: Any,
) -> None:
    before = functions.get_alias(FunctionName=FUNCTION, Name="live")["FunctionVersion"]
    old, previous, live, failed = (publish(functions, text) for text in "abcd")
    functions.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=live)

    assert delete_old_versions(FUNCTION) == [before, old, failed]
    versions = functions.list_versions_by_function(FunctionName=FUNCTION)["Versions"]
    assert {one["Version"] for one in versions} == {"$LATEST", previous, live}
    assert delete_old_versions(FUNCTION) == []


def test_versions_that_share_the_traffic_are_not_deleted(functions: Any) -> None:
    first, second = (publish(functions, text) for text in "ef")
    functions.update_alias(
        FunctionName=FUNCTION,
        Name="live",
        FunctionVersion=first,
        RoutingConfig={"AdditionalVersionWeights": {second: 0.1}},
    )
    assert {first, second}.isdisjoint(delete_old_versions(FUNCTION))
