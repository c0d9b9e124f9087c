"""Checks of queues on SQS and of the clock, which AWS's is compared with."""

import re
from datetime import timedelta

import pytest
from dependency_injector import providers

from application.clock import utc_now
from application.ports.checks import CheckStatus
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from domain.routing import Route
from entrypoints.composition.container import build_container
from entrypoints.operations.checks import run_checks
from tests.contracts.context_queue import a_context

SMS_HANDOFF = QueueName(ChannelType.SMS, QueueKind.HANDOFF)

pytestmark = pytest.mark.usefixtures("unkept_clock")


def test_waiting_contexts_on_sqs_have_no_age_and_the_doctor_says_who_knows_it(
    complete: dict[str, str],
) -> None:
    container = build_container(complete)
    context = a_context()
    for _ in range(2):
        container.context_queue().publish(context, Route(SMS_HANDOFF, timedelta(0)))
    (result,) = [result for result in run_checks(container) if result.check == "consumers"]
    assert result.status is CheckStatus.SKIPPED
    line = result.text
    assert line.startswith("sms-handoff 2: the backend does not say since when; on SQS see ")
    assert "ApproximateAgeOfOldestMessage" in line


@pytest.mark.parametrize(
    ("seconds", "text"), [(-90, "90 s behind SQS: "), (90, "90 s ahead of SQS: ")]
)
def test_clock_that_differs_from_that_of_aws_is_a_warning(
    complete: dict[str, str], seconds: int, text: str
) -> None:
    container = build_container(complete)
    container.clock.override(providers.Object(lambda: utc_now() + timedelta(seconds=seconds)))
    lines = [result for result in run_checks(container) if result.check == "clock"]
    assert [line.status for line in lines] == [CheckStatus.WARNING] * 2
    shown = re.sub("(89|91) s", "90 s", lines[0].text)
    assert shown.startswith(text)
    assert lines[1].text.startswith("the kernel says that no time service keeps it")
