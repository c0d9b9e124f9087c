"""How a new version of the function is made and called."""

from tests.deployment.translated import resources, translated


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
