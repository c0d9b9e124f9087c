"""What each layer imports, and what a process loads for one webhook: the price of a start."""

import ast
import json
import keyword
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from domain.channels import ChannelType
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import TwilioSimulator

ROOT = Path(__file__).parents[1]
PURE = {"domain": {"domain"}, "application": {"application", "domain"}}

ACCOUNT, TOKEN = "AC" + "3" * 32, "4" * 32
URL = "https://hooks.example.com/webhooks/sms"

# What a process that receives SMS on embedded storage has no use for.
FOR_OTHERS = {
    *("boto3", "botocore", "click", "pydantic", "uvicorn", "urllib3", "twilio.rest"),
    *("cryptography", "inscriptis", "lxml", "webencodings", "tldextract"),
    *("fastapi", "itsdangerous", "starlette", "infrastructure.configuration.api_access"),
    "infrastructure.configuration.secrets.access_tokens",
    *("application.privacy", "application.recovery", "application.ports.retention"),
    *("application.conversations.open_attachment", "application.ports.byte_stream"),
    *("application.conversations.migrate_history", "application.ports.history_import"),
    "application.ports.media_source",
    *("infrastructure.aws", "infrastructure.channels.sendgrid", "infrastructure.memory.backend"),
    *("prometheus_client", "infrastructure.prometheus", "infrastructure.sqlite.sqlite_backlog"),
    "infrastructure.configuration.secrets.development_secret",
    "infrastructure.sqlite.sqlite_retention",
}
MOST_MODULES = 115
"""Beside those that dependency-injector and the interpreter load anyway. Each costs CPU."""

# What a command that only looks at queues has no use for.
FOR_OTHER_COMMANDS = {
    *("boto3", "botocore", "cryptography", "lxml", "requests", "tldextract", "twilio", "urllib3"),
    *("fastapi", "pydantic", "starlette", "uvicorn", "werkzeug", "yaml"),
    *("application.privacy", "infrastructure.aws", "infrastructure.mail"),
    *("prometheus_client", "infrastructure.prometheus"),
    *("infrastructure.channels.sendgrid", "infrastructure.channels.twilio"),
    *("infrastructure.configuration.tenants_file", "entrypoints.http", "entrypoints.operations"),
    *(f"entrypoints.cli.{command}" for command in ("conversations", "dead_letters", "erase")),
    *(f"entrypoints.cli.{command}" for command in ("relay", "send", "serve", "unmatched")),
}
MOST_MODULES_OF_HELP = 150
"""The interpreter's own among them."""

MOST_MODULES_OF_QUEUES = 460

ONE_WEBHOOK = """
import json, sys
import entrypoints.composition.injector
before = set(sys.modules)
given = json.load(sys.stdin)
from datetime import UTC, datetime
from application.ports.webhook_parser import WebhookRequest
from entrypoints.composition.container import build_container
container = build_container(given["environ"])
answer = container.receive_webhook()(
    WebhookRequest(
        "POST",
        given["url"],
        tuple((name.lower(), value) for name, value in given["headers"].items()),
        bytes.fromhex(given["body"]),
        datetime.now(UTC),
    )
)
container.shutdown_resources()
print(json.dumps({"status": answer.status, "modules": sorted(set(sys.modules) - before)}))
"""


def imported_roots(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    roots = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            roots.add(str(node.module).partition(".")[0])
    return roots


@pytest.mark.parametrize("layer", PURE)
def test_the_inner_layers_import_the_standard_library_alone(layer: str) -> None:
    modules = sorted((ROOT / layer).rglob("*.py"))
    assert modules
    allowed = sys.stdlib_module_names | PURE[layer]
    for module in modules:
        assert imported_roots(module) <= allowed, module


VENDORS = re.compile(
    r"amazon|aws|azure|boto|dynamo|lambda|postgres|\bs3\b|sendgrid|sqlite|\bsqs|twilio", re.I
)


@pytest.mark.parametrize("module", sorted((ROOT / "application").rglob("*.py")), ids=str)
def test_the_application_names_no_vendor(module: Path) -> None:
    with module.open("rb") as source:
        tokens = list(tokenize.tokenize(source.readline))
    texts = [token.string for token in tokens if not keyword.iskeyword(token.string)]
    assert [text for text in texts if VENDORS.search(text)] == []


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that a fresh process loads for one SMS."""
    signed: SimulatedRequest = TwilioSimulator(ACCOUNT, TOKEN).request(
        URL, ChannelType.SMS, sender="+14155550123", recipient="+15005550006", body="Hello"
    )
    given = {
        "url": signed.url,
        "headers": signed.headers,
        "body": signed.body.hex(),
        "environ": {
            "DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "UNKNOWN_SENDER": "open",
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", ONE_WEBHOOK],
        input=json.dumps(given),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    assert answer["status"] == 200
    return set(answer["modules"])


@pytest.mark.parametrize("name", sorted(FOR_OTHERS))
def test_an_sms_does_not_pay_for_others(loaded: set[str], name: str) -> None:
    assert not [module for module in loaded if module == name or module.startswith(f"{name}.")]


def test_an_sms_loads_few_modules(loaded: set[str]) -> None:
    assert len(loaded) <= MOST_MODULES


RUN = """
import json, sys
from entrypoints.cli.main import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(data_dir: Path, *arguments: str) -> set[str]:
    """The modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_command_does_not_pay_for_others(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()  # without data the command ends before its work
    modules = loaded_by(tmp_path, "queues", "list")
    others = {m for m in modules for name in FOR_OTHER_COMMANDS if f"{m}.".startswith(f"{name}.")}
    assert others == set()
    assert len(modules) <= MOST_MODULES_OF_QUEUES


def test_help_imports_no_command(tmp_path: Path) -> None:
    modules = loaded_by(tmp_path, "--help")
    assert {name for name in modules if name.startswith("entrypoints.cli.")} == {
        "entrypoints.cli.main",
        "entrypoints.cli.terminal",
        "entrypoints.cli.terminal.commands",
        "entrypoints.cli.terminal.lazy_commands",
        "entrypoints.cli.terminal.output",
    }
    assert len(modules) <= MOST_MODULES_OF_HELP


START = """
import sys
import entrypoints.http.server
from entrypoints.composition.container import build_container
from entrypoints.http.mount import guarded_routes
container = build_container({"DATA_DIR": sys.argv[1]})
assert guarded_routes(container)
container.operations().access_tokens().current()
assert "fastapi" not in sys.modules and "pydantic" not in sys.modules
import entrypoints.http.api.application
assert "fastapi" in sys.modules
"""


def test_server_whose_api_nobody_uses_does_not_pay_for_it(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", START, str(tmp_path)],
        env={"PATH": os.environ["PATH"]},
        check=True,
        timeout=60,
    )
