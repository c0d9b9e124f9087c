"""Checks of an environment on AWS: their results, and the problems that stop the start."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from application.ports.checks import CheckStatus
from domain.channels import ChannelType
from domain.messages import STUCK_AFTER
from domain.times import readable
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.checks import (
    UnansweredError,
    UnfitBackendsError,
    require_backends,
    run_checks,
)
from infrastructure.aws.logged_refusals import IN_THE_LOG
from tests.builders import NOW, a_record
from tests.contracts.dead_letters import a_dead_letter
from tests.contracts.spool import an_entry
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.sqs_queues import created_queue


def found(environ: Mapping[str, str]) -> Iterator[tuple[str, CheckStatus, str]]:
    """Every check result: the check, its status and its text."""
    container = build_container(environ)
    for result in run_checks(container):
        yield result.check, result.status, result.text
    container.shutdown_resources()


def errors(environ: Mapping[str, str]) -> list[str]:
    return [text for _, status, text in found(environ) if status is CheckStatus.ERROR]


def refusal(environ: Mapping[str, str]) -> str:
    """The error with which a server refuses to start."""
    with pytest.raises(UnfitBackendsError) as caught:
        require_backends(build_container(environ))
    return str(caught.value)


@pytest.mark.usefixtures("unkept_clock")
def test_complete_environment_is_reported_as_ok(complete: dict[str, str]) -> None:
    require_backends(build_container(complete))
    assert list(found(complete)) == [
        ("secrets", CheckStatus.OK, "accounts: 1 of Twilio, 1 of SendGrid; companies: 1"),
        *(
            (
                "public URL",
                CheckStatus.OK,
                f"https://hooks.example.com/webhooks/{channel} ({channel})",
            )
            for channel in ChannelType
        ),
        ("refusals", CheckStatus.SKIPPED, IN_THE_LOG),
        ("clock", CheckStatus.OK, "as that of SQS, to 5 s"),
        (
            "clock",
            CheckStatus.OK,
            "no time service keeps it, but it is right now; the providers' clocks are not asked",
        ),
        ("tables", CheckStatus.OK, "all four and their indexes"),
        ("queues", CheckStatus.OK, "all six"),
        ("spool queue", CheckStatus.OK, complete["SPOOL_QUEUE_URL"]),
        ("bucket", CheckStatus.OK, complete["BLOBS_BUCKET"]),
        ("spool", CheckStatus.OK, "the spool is empty"),
        ("pending", CheckStatus.OK, "no message waits for its queue"),
        ("unmatched", CheckStatus.OK, "none"),
        ("dead letters", CheckStatus.OK, "none"),
        ("consumers", CheckStatus.OK, "all six queues are empty"),
    ]


def test_backlog_is_reported_as_warnings(complete: dict[str, str]) -> None:
    container = build_container(complete)
    given_backlog(container)
    warnings = {result.check: result for result in run_checks(container)}
    assert warnings["spool"].text == (
        "1 spooled: each is tried again within 5 minutes, "
        "and 'frontdesk relay' processes now what is due"
    )
    assert warnings["pending"].text == (
        f"1, the oldest of {readable(NOW - 2 * STUCK_AFTER)}, on no queue yet: "
        "'frontdesk relay' publishes them now"
    )
    assert warnings["dead letters"].text == (
        f"1, the oldest of {readable(NOW)}: see 'frontdesk dead-letters list'"
    )
    left = [warnings[check].status for check in ("spool", "pending", "dead letters")]
    assert left == [CheckStatus.WARNING] * 3


def given_backlog(container: Container) -> None:
    container.spool().enqueue(an_entry())
    container.message_store().record(a_record(recorded_at=NOW - 2 * STUCK_AFTER))
    container.dead_letters().store(a_dead_letter(created_at=NOW))


def test_unusable_embedded_spool_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    environ = {"DATA_DIR": str(tmp_path)}
    assert refusal(environ) == (
        "the backends are not as expected: the spool could not be read: File exists"
    )
    assert errors(environ) == ["the spool could not be read: File exists"]


def test_spool_queue_that_is_not_fifo_stops_the_start(
    environ: dict[str, str], ministack: EmulatedAws
) -> None:
    environ["SPOOL_QUEUE_URL"] = created_queue(ministack, unique_name("queue"), {})
    assert "is a standard queue, expected FIFO" in refusal(environ)


def test_missing_tables_queues_and_bucket_are_reported_together_at_the_start(
    environ: dict[str, str],
) -> None:
    environ["FALLBACK_THROTTLE_TABLE"] = "no-such-table"
    environ["SMS_REPLIES_QUEUE_URL"] += "-gone"
    environ["SPOOL_QUEUE_URL"] += "-gone"
    environ["BLOBS_BUCKET"] = "no-such-bucket"
    assert refusal(environ) == (
        "the backends are not as expected: table no-such-table: expected one, found none; "
        f"sms-replies: there is no queue {environ['SMS_REPLIES_QUEUE_URL']}; "
        f"there is no queue {environ['SPOOL_QUEUE_URL']}; "
        "bucket no-such-bucket does not exist"
    )
    assert len(errors(environ)) == 5  # the others lack a dead-letter queue: one line for all five


def test_table_with_another_key_stops_the_start(environ: dict[str, str]) -> None:
    environ["MESSAGES_TABLE"] = environ["FALLBACK_THROTTLE_TABLE"]
    problems = refusal(environ)
    assert "expected the key request_id (S), found throttle_key (S)" in problems
    assert "index history of table" in problems


def test_queue_without_a_dead_letter_queue_does_not_stop_the_start(
    environ: dict[str, str],
) -> None:
    require_backends(build_container(environ))
    problems = errors(environ)
    assert len([problem for problem in problems if "no dead-letter queue" in problem]) == 2
    assert problems[0].startswith("6 queues (whatsapp-replies, whatsapp-handoff, sms-replies, ")
    assert "): no dead-letter queue, expected" in problems[0]


def test_unreadable_secret_is_named_but_not_shown(environ: dict[str, str]) -> None:
    environ["TWILIO_AUTH_TOKEN"] = "secretsmanager:nobody-made-it"
    problem = errors(environ)[0]
    assert problem.startswith("secret nobody-made-it: ResourceNotFoundException: until that is ")
    environ["TWILIO_AUTH_TOKEN"] = "file:/no/such/file"
    problem = errors(environ)[0]
    assert problem.startswith(
        "wrong settings: TWILIO_AUTH_TOKEN: the file /no/such/file cannot be read: No such file"
    )
    assert problem.endswith(": until that is mended webhooks get a 503, and no server starts")


@pytest.mark.usefixtures("unkept_clock")
def test_real_secrets_without_a_public_url_are_reported_as_a_warning(
    environ: dict[str, str],
) -> None:
    warnings = [text for _, status, text in found(environ) if status is CheckStatus.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith("PUBLIC_BASE_URL is not set")


def test_unreachable_service_is_reported_as_a_problem_of_each_check(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    problems = errors(environ)
    assert problems[0].endswith("EndpointConnectionError")
    assert len(problems) == 12  # four tables, six queues, that of the spool, the bucket


class OtherEngine:
    """A client of an engine whose answers ``change`` makes out of those of AWS."""

    def __init__(self, client: object, operation: str, change: Callable[[Any], Any]) -> None:
        self._client = client
        self._operation = operation
        self._change = change

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name != self._operation:
            return attribute
        return lambda **arguments: self._change(attribute(**arguments))


def without_size(answer: dict[str, dict[str, str]]) -> object:
    """The answer of ElasticMQ."""
    answer["Attributes"].pop("MaximumMessageSize", None)
    return answer


def test_attribute_that_an_engine_leaves_out_is_a_warning_and_stops_no_start(
    complete: dict[str, str], ministack: EmulatedAws
) -> None:
    container = build_container(complete)
    engine = OtherEngine(ministack.sqs, "get_queue_attributes", without_size)
    container.sqs.override(providers.Object(engine))
    require_backends(container)
    results = [*run_checks(container)]
    warnings = [result for result in results if result.status is CheckStatus.WARNING]
    assert [result.check for result in warnings] == ["queues", "spool queue"]
    assert {result.text.rpartition(": ")[2] for result in warnings} == {
        "MaximumMessageSize is not reported, expected at least 262144"
    }
    assert CheckStatus.ERROR not in {result.status for result in results}
    assert results[-1].check == "consumers"


def test_answer_in_another_form_is_an_error_of_one_check(
    complete: dict[str, str], ministack: EmulatedAws
) -> None:
    container = build_container(complete)
    engine = OtherEngine(
        ministack.dynamodb, "describe_table", lambda _: {"Table": {"KeySchema": 1}}
    )
    container.dynamodb.override(providers.Object(engine))
    results = {result.check: result for result in run_checks(container)}
    assert results["tables"].status is CheckStatus.ERROR
    assert results["tables"].text.startswith("could not be checked: TypeError")
    others = {results[check].status for check in ("queues", "spool queue", "bucket")}
    assert others == {CheckStatus.OK}


def test_what_does_not_answer_is_told_apart_from_what_is_wrong(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnansweredError) as caught:
        require_backends(build_container(environ))
    assert str(caught.value).count("EndpointConnectionError") == 12
