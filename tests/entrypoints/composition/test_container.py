"""The container for every backend, and the modules that it imports."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dependency_injector import containers, providers

from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from entrypoints.composition.container import Container, build_container
from entrypoints.composition.injector import FlatContainer
from entrypoints.composition.operations_container import OperationsContainer
from infrastructure.configuration.settings import SettingsError
from tests.emulators import OFFLINE_AWS

TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "7" * 32, "TWILIO_AUTH_TOKEN": "a-token-of-nobody"}
DYNAMODB = {
    "STORAGE": "dynamodb",
    "CONVERSATIONS_TABLE": "conversations",
    "MESSAGES_TABLE": "messages",
    "PARTICIPANTS_TABLE": "participants",
    "FALLBACK_THROTTLE_TABLE": "throttle",
    "BLOBS_BUCKET": "blobs",
    "SPOOL_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/spool.fifo",
}
SQS = {
    "QUEUE": "sqs",
    "BLOBS_BUCKET": "blobs",
    **{
        f"{channel}_{kind}_QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/1/{channel}-{kind}"
        for channel in ("WHATSAPP", "SMS", "EMAIL")
        for kind in ("REPLIES", "HANDOFF")
    },
}


@contextmanager
def opened(container: Container) -> Iterator[Container]:
    try:
        yield container
    finally:
        container.shutdown_resources()


@pytest.mark.parametrize(
    ("environ", "ephemeral"),
    [
        pytest.param({}, False, id="sqlite"),
        pytest.param({}, True, id="memory"),
        pytest.param(DYNAMODB | SQS | TWILIO, False, id="dynamodb and sqs"),
        pytest.param(DYNAMODB | TWILIO, False, id="dynamodb and sqlite"),
        pytest.param(SQS | TWILIO, False, id="sqlite and sqs"),
    ],
)
def test_every_provider_can_be_built_for_every_backend(
    environ: dict[str, str], ephemeral: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OFFLINE_AWS.items():
        monkeypatch.setenv(name, value)
    settings = {"DATA_DIR": str(tmp_path), **environ}
    with opened(build_container(settings, ephemeral=ephemeral)) as container:
        built = {
            name: provider()
            for name, provider in container.providers.items()
            if not isinstance(provider, providers.Dependency)
        }
        built |= {
            name: provider()
            for name, provider in container.operations().providers.items()
            if not isinstance(provider, providers.DependenciesContainer)
        }
        for parser in container.parsers().parsers.values():
            parser()
        senders = {channel: sender() for channel, sender in container.senders().items()}
    assert built.keys() >= {"receive_webhook", "erase_person"}
    assert None not in built.values()
    # With real secrets and without an API key Frontdesk sends no mail.
    without_sender = {ChannelType.EMAIL} if "TWILIO_AUTH_TOKEN" in environ else set()
    assert {channel for channel, sender in senders.items() if sender is None} == without_sender


@pytest.mark.parametrize(
    ("environ", "with_source"),
    [({}, set()), (TWILIO, {ChannelType.SMS, ChannelType.WHATSAPP})],
)
def test_files_are_fetched_from_providers_that_hold_them_with_real_secrets(
    environ: dict[str, str], with_source: set[ChannelType], tmp_path: Path
) -> None:
    with opened(build_container({"DATA_DIR": str(tmp_path), **environ})) as container:
        sources = container.operations().open_attachment().media_sources
    built = {channel: source() for channel, source in sources.items()}
    assert {channel for channel, source in built.items() if source} == with_source
    assert built == {channel: source() for channel, source in sources.items()}


@pytest.mark.parametrize("kind", [Container, OperationsContainer])
def test_no_container_is_inside_another_and_each_resource_has_a_name(
    kind: type[containers.DeclarativeContainer],
) -> None:
    container = kind()
    assert isinstance(container, FlatContainer)
    assert [*container.traverse(types=[providers.Container])] == []
    resources = {*container.traverse(types=[providers.BaseResource])}
    assert resources <= {*container.providers.values()}


def test_what_is_open_is_closed(tmp_path: Path) -> None:
    with opened(build_container({"DATA_DIR": str(tmp_path)})) as container:
        container.database()
        assert container.database.initialized
    assert not container.database.initialized


def test_missing_aws_sdk_stops_the_start_and_names_the_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "infrastructure.aws.clients", None)
    with (
        opened(build_container({"DATA_DIR": str(tmp_path)} | SQS | TWILIO)) as container,
        pytest.raises(SettingsError, match=r"frontdesk\[aws\]"),
    ):
        container.context_queue()


def test_missing_aws_region_is_reported_as_one_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", OFFLINE_AWS["AWS_CONFIG_FILE"])
    with (
        opened(build_container({"DATA_DIR": str(tmp_path)} | DYNAMODB | TWILIO)) as container,
        pytest.raises(StorageUnavailableError, match="dynamodb: NoRegionError"),
    ):
        container.conversation_store()


@pytest.mark.parametrize(
    ("environ", "never"),
    [
        (TWILIO, ("boto3", "botocore", "uvicorn", "infrastructure.channels.sendgrid")),
        (
            DYNAMODB | SQS | TWILIO,
            ("boto3.s3", "uvicorn", "sqlite3", "infrastructure.channels.sendgrid"),
        ),
    ],
)
def test_container_does_not_import_modules_that_a_message_does_not_use(
    environ: dict[str, str], never: tuple[str, ...], tmp_path: Path
) -> None:
    script = (
        "import os, sys\n"
        "from domain.addresses import ChannelType\n"
        "from entrypoints.composition.container import build_container\n"
        "container = build_container(os.environ)\n"
        "container.receive_webhook(), container.parsers().for_channel(ChannelType.SMS)\n"
        "print(*sys.modules)\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        env={**OFFLINE_AWS, **environ, "DATA_DIR": str(tmp_path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    assert "infrastructure.channels.twilio.parser" in loaded
    assert [name for name in never if name in loaded] == []


@pytest.mark.parametrize(
    ("environ", "goes_to"),
    [
        pytest.param({}, "FileFallbackSender", id="development secret"),
        pytest.param(TWILIO | {"SENDGRID_BASIC_AUTH": "user:word"}, "NoneType", id="no API key"),
    ],
)
def test_fallbacks_go_to_a_file_with_the_development_secret_only(
    environ: dict[str, str], goes_to: str, tmp_path: Path
) -> None:
    with opened(build_container({**environ, "DATA_DIR": str(tmp_path)})) as container:
        sender = container.senders()[ChannelType.EMAIL]()
    assert type(sender).__name__ == goes_to
