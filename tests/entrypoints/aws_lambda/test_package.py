"""The Lambda package, unpacked and run without any other installed package."""

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from application.ports.webhook_parser import WebhookRequest
from deploy.contents import CONTENTS, unlisted
from deploy.package import PROJECT
from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.serialization.webhook_json import entry_to_json
from tests.builders import RECIPIENT, SENDER
from tests.contracts.spool import an_entry
from tests.deployment.deployed import Deployed
from tests.emulators import OFFLINE_AWS, EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, an_event
from tests.entrypoints.aws_lambda.function_under_test import (
    ACCOUNT_SID,
    ACCOUNTS,
    SENDGRID,
    a_webhook,
    environ_of,
)
from tests.infrastructure.channels.twilio.api_server import Scripted, api_server

ROOT = Path(__file__).parents[3]
WORK = Path(__file__).with_name("packaged_work.py")
TENANTS = json.dumps(
    {
        "tenants": [
            {
                "company_id": "acme",
                "recipients": ["help@acme.example"],
                "sendgrid": {"account": "acme", "basic_auth": ["user:password"]},
            }
        ]
    }
)
SHAPE = "http_api_default_stage"


@pytest.fixture(scope="module")
def package(deployed: Deployed) -> Path:
    """The zip for this interpreter, as it was deployed: making it takes long."""
    return deployed.folder / "build" / "frontdesk-lambda.zip"


@pytest.fixture(scope="module")
def task(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the unpacked package, as Lambda has it."""
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


@dataclass
class Worked:
    """What came of everything that runs on Lambda, and which files of the package it needed."""

    statuses: list[int]
    opened: list[str]
    sent: list[str]


def work(task: Path, environ: dict[str, str], events: list[dict[str, Any]]) -> Worked:
    """Everything that runs on Lambda, in a process that imports only from the package."""
    webhook = a_webhook(ChannelType.SMS, PUBLIC_URLS[SHAPE] + "sms", body="spooled")
    request = WebhookRequest(
        "POST", webhook.url, tuple(webhook.headers.items()), webhook.body, datetime.now(UTC)
    )
    spooled = {
        "messageId": "a1",
        "receiptHandle": "receipt-a1",
        "body": entry_to_json(an_entry("a1", request=request, account=ACCOUNT_SID)),
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    with api_server(Scripted()) as server:
        given = {
            "events": events,
            "spooled": [spooled],
            "provider_url": server.url,
            "sender": SENDER[ChannelType.SMS],
            "tenants": TENANTS,
        }
        done = run(task, WORK.read_text("utf-8"), given, **environ)
    paths = [path.rpartition("/")[2] for path, _, _ in server.requests]
    return Worked(done["statuses"], done["opened"], paths)


@pytest.fixture(scope="module")
def webhooks_of_every_kind() -> list[dict[str, Any]]:
    files = (("photo.png", "image/png", bytes(range(256))),)
    webhooks = [
        *(a_webhook(channel, PUBLIC_URLS[SHAPE] + channel) for channel in ChannelType),
        some_mail(text="", html="<p>Hello <b>there</b></p>"),
        some_mail(mode="raw", attachments=files, text="Yes.\n\nOn Monday you wrote:\n> Well?"),
        some_mail(dkim="none", spf="fail"),
    ]
    return [an_event(SHAPE, webhook) for webhook in webhooks]


@pytest.fixture(scope="module")
def on_aws(
    task: Path, ministack: EmulatedAws, webhooks_of_every_kind: list[dict[str, Any]]
) -> Worked:
    return work(task, aws_settings(ministack) | ACCOUNTS, webhooks_of_every_kind)


def run(task: Path, script: str, given: object = None, **environ: str) -> Any:
    """The last line that ``script`` prints, as JSON; it imports only from the package."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(task)!r})\n{script}",
        ],
        env={"PATH": os.environ["PATH"], **environ},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


HANDLE = """
import json
from entrypoints.aws_lambda.webhook_handler import lambda_handler
print(json.dumps([lambda_handler(event, None)["statusCode"] for event in json.load(sys.stdin)]))
"""


def some_mail(**changes: Any) -> SimulatedRequest:
    sender, recipient = SENDER[ChannelType.EMAIL], RECIPIENT[ChannelType.EMAIL]
    named: dict[str, Any] = {"subject": "Hello", "text": "Hello", **changes}
    url = PUBLIC_URLS[SHAPE] + "email"
    return SENDGRID.request(url, sender=sender, recipient=recipient, now=datetime.now(UTC), **named)


def test_package_does_everything_on_aws(on_aws: Worked) -> None:
    assert set(on_aws.statuses) == {200}
    assert on_aws.sent == ["Messages.json", "send"]


def test_package_reads_every_kind_of_mail(
    task: Path, tmp_path: Path, webhooks_of_every_kind: list[dict[str, Any]]
) -> None:
    worked = work(task, environ_of(tmp_path) | OFFLINE_AWS, webhooks_of_every_kind)
    assert set(worked.statuses) == {200}
    # Mail that cannot be read for lack of a library would be acknowledged, too.
    assert [*tmp_path.glob("dead-letters/*")] == []


def test_package_holds_what_is_listed_and_nothing_else(task: Path) -> None:
    ours = tuple(f"{package}/" for package in PROJECT)
    assert [path for path in unlisted(task) if not path.startswith(ours)] == []
    versions = {path.name.partition("-")[0] for path in task.glob("*.dist-info")}
    assert versions == {name.replace("-", "_") for name in CONTENTS}


def test_nothing_is_listed_that_nothing_needs(task: Path, on_aws: Worked) -> None:
    opened = {re.sub(r"__pycache__/(.+?)\.[^/]+\.pyc$", r"\1.py", path) for path in on_aws.opened}
    unneeded = [
        pattern
        for patterns in CONTENTS.values()
        for pattern in patterns
        if opened.isdisjoint(path.relative_to(task).as_posix() for path in task.glob(pattern))
    ]
    assert unneeded == []


CLIENTS = """
import json
from infrastructure.aws.clients import AwsClients
aws = AwsClients()
clients = [aws.dynamodb(), aws.sqs(), aws.s3(), aws.secrets_manager()]
print(json.dumps([client.meta.endpoint_url for client in clients]))
"""


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("us-east-1", "amazonaws.com"),
        ("eu-central-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
    ],
)
def test_package_finds_the_endpoints_of_every_region(task: Path, region: str, suffix: str) -> None:
    urls = run(task, CLIENTS, **OFFLINE_AWS | {"AWS_DEFAULT_REGION": region})
    services = ("dynamodb", "sqs", "s3", "secretsmanager")
    host_of_s3 = (
        f"https://s3.{suffix}" if region == "us-east-1" else f"https://s3.{region}.{suffix}"
    )
    expected = [f"https://{service}.{region}.{suffix}" for service in services]
    expected[2] = host_of_s3
    assert urls == expected


def test_package_has_no_server_no_command_and_only_compiled_modules(task: Path) -> None:
    unwanted = ("starlette", "uvicorn", "click", "rich", "aiohttp", "tests")
    for name in ("entrypoints/cli", "entrypoints/http", *unwanted):
        assert not (task / name).exists()
    for module in (task / "application").rglob("*.py"):
        tag = sys.implementation.cache_tag
        assert (module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc").exists()


def test_package_is_small_enough_for_lambda(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    assert package.stat().st_size < 50 * 1024 * 1024
    assert unpacked_bytes < 100 * 1024 * 1024
