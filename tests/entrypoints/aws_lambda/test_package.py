"""The Lambda package, unpacked and run without any other installed package."""

import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from tests.builders import RECIPIENT, SENDER
from tests.deployment.deployed import Deployed
from tests.emulators import OFFLINE_AWS
from tests.entrypoints.aws_lambda.events import PUBLIC_URLS, an_event
from tests.entrypoints.aws_lambda.function_under_test import SENDGRID, a_webhook, environ_of
from tests.infrastructure.channels.twilio.api_server import Scripted, api_server

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


def test_package_handles_every_channel_and_every_kind_of_mail(task: Path, tmp_path: Path) -> None:
    files = (("photo.png", "image/png", bytes(range(256))),)
    webhooks = [
        *(a_webhook(channel, PUBLIC_URLS[SHAPE] + channel) for channel in ChannelType),
        some_mail(text="", html="<p>Hello <b>there</b></p>"),
        some_mail(mode="raw", attachments=files, text="Yes.\n\nOn Monday you wrote:\n> Well?"),
        some_mail(dkim="none", spf="fail"),
    ]
    events = [an_event(SHAPE, webhook) for webhook in webhooks]
    data_dir = tmp_path / "data"

    assert run(task, HANDLE, events, **environ_of(data_dir)) == [200] * len(events)
    # Mail that cannot be read for lack of a library would be acknowledged, too.
    assert [*data_dir.glob("dead-letters/*")] == []


SEND = """
import json
from pydantic import SecretStr
from domain.channels import ChannelType
from domain.fallback import Fallback
from infrastructure.channels.sendgrid.sender import SendgridFallbackSender
from infrastructure.channels.twilio.sender import TwilioFallbackSender
from infrastructure.configuration.secrets.accounts import SendgridAccount, TwilioAccount
url = json.load(sys.stdin)
secret = SecretStr("nothing")
sid = "AC" + "5" * 32
twilio = TwilioFallbackSender(lambda: (TwilioAccount(sid, (secret,)),), url)
twilio.send(Fallback(ChannelType.SMS, sid, "+14155550123", "+15005550006", "Hello"))
mail = SendgridAccount("mail", api_key=secret, mail_from="desk@acme.example")
sendgrid = SendgridFallbackSender(lambda: (mail,), url)
sendgrid.send(Fallback(ChannelType.EMAIL, "mail", "ana@example.com", "x@acme.example", "Hi"))
print("true")
"""


def test_package_sends_fallbacks_through_both_providers(task: Path) -> None:
    with api_server(Scripted()) as server:
        run(task, SEND, server.url)
    assert [path.rpartition("/")[2] for path, _, _ in server.requests] == ["Messages.json", "send"]


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
