"""A real server whose backends do not answer when it starts, or are found wrong."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.aws.dynamodb.dynamodb_schema import table_schemas
from tests.emulators import EmulatedAws, unique_name
from tests.end_to_end.aws_front import CONTEXTS, Answer
from tests.end_to_end.responses import ACKNOWLEDGED, INVALID_SIGNATURE, SMS, UNAVAILABLE
from tests.end_to_end.started_on_aws import (
    Installation,
    arrived,
    eventually,
    forged,
    installation_on,
    readiness,
    shown,
    until_ready,
)
from tests.infrastructure.aws.dynamodb.dynamodb_tables import create_table
from tests.processes import server_process

START_SECONDS = 15.0
"""As long as a provider waits, which may have posted just before."""


@pytest.fixture
def installation(ministack: EmulatedAws, tmp_path: Path) -> Iterator[Installation]:
    with installation_on(ministack, tmp_path) as installation:
        yield installation


OUTAGES = {
    "everything but the spool's queue": (Answer.DOWN, ("dynamodb", "s3", CONTEXTS)),
    "the store": (Answer.DOWN, ("dynamodb",)),
    "the queues": (Answer.DOWN, (CONTEXTS,)),
    "throttling": (Answer.THROTTLED, ("dynamodb", "s3", CONTEXTS)),
    "slow services": (Answer.SLOW, ("dynamodb", "s3", CONTEXTS)),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_server_starts_during_an_outage_spools_and_becomes_ready_by_itself(
    installation: Installation, name: str
) -> None:
    answer, services = OUTAGES[name]
    installation.front.let(answer, *services)
    started = time.monotonic()
    with server_process(installation.environ, installation.log) as server:
        assert time.monotonic() - started < START_SECONDS
        assert readiness(server)[0] == 503
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        assert shown(server, installation.webhook("Two")) == ACKNOWLEDGED[SMS]
        assert shown(server, forged(installation.webhook("x"))) == INVALID_SIGNATURE
        assert installation.spooled() == 2
        assert installation.contexts() == []

        installation.front.heal()
        until_ready(server)
        assert shown(server, installation.webhook("Three")) == ACKNOWLEDGED[SMS]
        assert arrived(installation, 3) == ["One", "Three", "Two"]
    (not_ready,) = [line for line in server.printed.splitlines() if "Not ready" in line]
    assert "becomes ready by itself" in not_ready
    assert "start checks have passed" in [line["message"] for line in installation.lines()]


def test_without_the_spool_a_server_starts_refuses_for_now_and_becomes_ready(
    installation: Installation,
) -> None:
    installation.front.let(Answer.DOWN, "sqs")
    with server_process(installation.environ, installation.log) as server:
        assert readiness(server)[0] == 503
        assert shown(server, installation.webhook("One")) == UNAVAILABLE
        installation.front.heal()
        until_ready(server)
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        assert arrived(installation, 1) == ["One"]


def test_embedded_store_spools_in_files_while_sqs_is_down(installation: Installation) -> None:
    del installation.environ["SPOOL_QUEUE_URL"]
    installation.environ["STORAGE"] = "sqlite"
    installation.front.let(Answer.DOWN, "sqs")
    with server_process(installation.environ, installation.log) as server:
        assert readiness(server)[0] == 503
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        assert len([*(installation.directory / "data" / "spool").glob("*.json")]) == 1
        installation.front.heal()
        assert arrived(installation, 1) == ["One"]


def missing_table(installation: Installation) -> str:
    name = installation.environ["MESSAGES_TABLE"] = unique_name("messages")
    return f"the backends are not as expected: table {name}: expected one, found none"


def test_missing_table_stops_the_start_also_while_other_services_do_not_answer(
    installation: Installation,
) -> None:
    problem = missing_table(installation)
    assert installation.refusal() == f"frontdesk: {problem}"
    installation.front.let(Answer.THROTTLED, CONTEXTS)
    installation.front.let(Answer.DOWN, "s3")
    assert installation.refusal() == f"frontdesk: {problem}"


@pytest.mark.parametrize("service", ["dynamodb", CONTEXTS, "s3"])
def test_denied_access_stops_the_start(installation: Installation, service: str) -> None:
    installation.front.let(Answer.DENIED, service)
    expected = {
        "dynamodb": "could not be asked: AccessDeniedException",
        CONTEXTS: "sqs:GetQueueAttributes is not permitted on ",
        "s3": "may not be listed, expected s3:ListBucket",
    }
    assert expected[service] in installation.refusal()


def test_missing_table_found_after_the_start_is_told_and_webhooks_are_spooled(
    installation: Installation,
) -> None:
    problem = missing_table(installation)
    installation.front.let(Answer.DOWN, "dynamodb")
    with server_process(installation.environ, installation.log) as server:
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        installation.front.heal()
        eventually(lambda: installation.reasons("ERROR") == [problem])
        eventually(
            lambda: (
                readiness(server) == (503, {"status": "not ready", "error": "UnfitBackendsError"})
            )
        )
        assert shown(server, installation.webhook("Two")) == ACKNOWLEDGED[SMS]
        assert installation.spooled() == 2

        schemas = table_schemas(
            conversations="", participants="", fallback_throttle="",
            messages=installation.environ["MESSAGES_TABLE"],
        )  # fmt: skip
        create_table(installation.aws.dynamodb, schemas[2])
        until_ready(server)
        assert arrived(installation, 2) == ["One", "Two"]
    assert installation.reasons("ERROR") == [problem]


def test_table_with_another_key_found_after_the_start_makes_no_dead_letters(
    installation: Installation,
) -> None:
    installation.environ["MESSAGES_TABLE"] = installation.environ["FALLBACK_THROTTLE_TABLE"]
    installation.front.let(Answer.THROTTLED, "dynamodb")
    with server_process(installation.environ, installation.log) as server:
        installation.front.heal()
        eventually(lambda: len(installation.reasons("ERROR")) == 1)
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        time.sleep(2)
        assert readiness(server)[0] == 503
        assert installation.spooled() == 1
    (reason,) = installation.reasons("ERROR")
    assert "expected the key request_id (S), found throttle_key (S)" in reason
    objects = installation.aws.s3.list_objects_v2(Bucket=installation.environ["BLOBS_BUCKET"])
    assert objects.get("KeyCount") == 0


def test_denied_access_found_after_the_start_is_told(installation: Installation) -> None:
    installation.front.let(Answer.SLOW, CONTEXTS)
    with server_process(installation.environ, installation.log) as server:
        installation.front.let(Answer.DENIED, CONTEXTS)
        eventually(lambda: len(installation.reasons("ERROR")) == 1)
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
        installation.front.heal()
        until_ready(server)
        assert arrived(installation, 1) == ["One"]
    assert "sqs:GetQueueAttributes is not permitted" in installation.reasons("ERROR")[0]


@pytest.fixture
def secret(installation: Installation) -> str:
    """The name of the secret that holds the token."""
    name = unique_name("token")
    token = installation.environ["TWILIO_AUTH_TOKEN"]
    installation.aws.secrets_manager.create_secret(Name=name, SecretString=token)
    installation.environ["TWILIO_AUTH_TOKEN"] = f"secretsmanager:{name}"
    return name


def test_server_starts_without_an_answer_about_its_secrets(
    installation: Installation, secret: str
) -> None:
    installation.front.let(Answer.THROTTLED, "secretsmanager")
    with server_process(installation.environ, installation.log) as server:
        assert readiness(server) == (
            503,
            {"status": "not ready", "error": "SecretsUnavailableError"},
        )
        assert shown(server, installation.webhook("One")) == UNAVAILABLE
        installation.front.heal()
        until_ready(server)
        assert shown(server, installation.webhook("One")) == ACKNOWLEDGED[SMS]
    assert f"secret {secret}: ThrottlingException" in server.printed


def test_missing_or_denied_secret_stops_the_start(installation: Installation, secret: str) -> None:
    installation.front.let(Answer.DENIED, "secretsmanager")
    assert installation.refusal() == f"frontdesk: secret {secret}: AccessDeniedException"
    installation.front.heal()
    installation.environ["TWILIO_AUTH_TOKEN"] += "-gone"
    assert installation.refusal() == f"frontdesk: secret {secret}-gone: ResourceNotFoundException"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"AWS_ENDPOINT_URL": "localhost:4566"}, "Invalid endpoint: localhost:4566"),
        ({"AWS_ACCESS_KEY_ID": None}, "NoCredentialsError"),
        ({"AWS_DEFAULT_REGION": None}, "NoRegionError"),
    ],
)
def test_wrong_settings_of_aws_stop_the_start(
    installation: Installation, change: dict[str, str | None], refusal: str
) -> None:
    given = {**installation.environ, **change}
    installation.environ = {name: text for name, text in given.items() if text is not None}
    assert refusal in installation.refusal()
