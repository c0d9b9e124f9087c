"""One deployment for all tests that need one, by the command that developers use."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.package import ROOT
from tests.deployment.deployed import Deployed
from tests.deployment.roles import OPERATOR_ROLE, SERVER_ROLE, role_arn

SECONDS = 240.0
"""Many times what it takes: other tests run beside it."""

READY = "Ctrl-C ends the emulator"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Any test that needs the deployment may be the first one, and wait for it."""
    for item in items:
        if "deployed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(SECONDS + 60))


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """What ``make deploy-local`` deploys, without a delay of replies.

    The purge erases data older than 30 days.
    """
    folder = tmp_path_factory.mktemp("deployment")
    command = [sys.executable, "-m", "deploy.local", "--port", str(_free_port())]
    command += ["--folder", str(folder), "ReplyDelaySeconds=0"]
    command += ["MessageRetentionDays=30"]
    command += [f"ServerRole={role_arn(SERVER_ROLE)}", f"OperatorRole={role_arn(OPERATOR_ROLE)}"]
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        _wait_until_ready(process, log)
        stage = Deployed(folder, _settings(folder), log.read_text("utf-8"))
        _stop_the_schedules(stage)
        yield _fill_gaps_of_ministack(stage)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while READY not in log.read_text("utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"it was not deployed:\n{log.read_text('utf-8')[-4000:]}", pytrace=False)
        time.sleep(0.1)


def _settings(folder: Path) -> dict[str, str]:
    """The variables that ``local.env`` exports; none needs quotes."""
    lines = (folder / "local.env").read_text("utf-8")
    return {"PATH": os.environ["PATH"], **dict(re.findall(r"^export (\w+)=(.*)$", lines, re.M))}


def _stop_the_schedules(deployed: Deployed) -> None:
    """Relay and purge run only when a test calls them."""
    events = deployed.client("events")
    for rule in events.list_rules()["Rules"]:
        events.disable_rule(Name=rule["Name"])


def _fill_gaps_of_ministack(deployed: Deployed) -> Deployed:
    """Set by API calls what ministack's CloudFormation ignores in the template."""
    # A table's time to live.
    deployed.aws.dynamodb.update_time_to_live(
        TableName=deployed.settings["FALLBACK_THROTTLE_TABLE"],
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    # The method ANY, which is an extension of OpenAPI.
    api = deployed.client("apigateway")
    (rest_api,) = [found["id"] for found in api.get_rest_apis()["items"]]
    (proxy,) = [
        found["id"]
        for found in api.get_resources(restApiId=rest_api)["items"]
        if found["path"] == "/{proxy+}"
    ]
    place = {"restApiId": rest_api, "resourceId": proxy}
    post = api.get_integration(**place, httpMethod="POST")
    api.put_method(**place, httpMethod="ANY", authorizationType="NONE")
    api.put_integration(
        **place,
        httpMethod="ANY",
        type=post["type"],
        integrationHttpMethod=post["httpMethod"],
        uri=post["uri"],
    )
    api.create_deployment(restApiId=rest_api, stageName=deployed.settings["STAGE"])
    return deployed
