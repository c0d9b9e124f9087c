"""``frontdesk queues``."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.channels import ChannelType
from domain.context import ContextObject
from domain.routing import QueueKind, QueueName, Route
from entrypoints.composition.container import Container
from infrastructure.serialization.context_json import context_to_json
from tests.builders import NOW, a_conversation, a_record, an_inbound_message
from tests.entrypoints.cli.support import error_line, json_lines, run_frontdesk

QUEUE = QueueName(ChannelType.SMS, QueueKind.REPLIES)


def given_context(
    container: Container, request_id: str = "request-1", body: str = "Hi", delay_seconds: int = 0
) -> ContextObject:
    record = a_record(an_inbound_message(body=body))
    context = replace(ContextObject.of(record, a_conversation(), None, NOW), request_id=request_id)
    container.context_queue().publish(context, Route(QUEUE, timedelta(seconds=delay_seconds)))
    return context


class TestList:
    def test_queues_list_has_a_line_for_each_of_the_six_queues(self, container: Container) -> None:
        given_context(container)
        given_context(container, "request-2", delay_seconds=30)
        depths = {
            depth["queue"]: depth for depth in json_lines(run_frontdesk("queues", "list", "--json"))
        }
        assert len(depths) == 6
        found = depths["sms-replies"]
        assert (found["ready"], found["delayed"], found["in_flight"]) == (1, 1, 0)
        assert 0 <= found["oldest_age_seconds"] < 60
        assert depths["email-handoff"]["oldest_at"] is None

    def test_queues_list_prints_a_table(self, container: Container) -> None:
        given_context(container)
        lines = run_frontdesk("queues", "list").stdout.splitlines()
        assert lines[0].split() == ["queue", "ready", "delayed", "taken", "oldest"]
        assert "sms-replies           1        0      0     0 s" in lines


class TestRead:
    def test_queues_read_prints_the_delivery_and_the_context_as_json(
        self, container: Container
    ) -> None:
        context = given_context(container)
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-replies", "--json"))
        assert set(line) == {"queue", "receipt", "receive_count", "context"}
        assert line["queue"] == "sms-replies"
        assert line["receive_count"] == 1
        assert line["context"] == json.loads(context_to_json(context))

    def test_context_that_was_read_is_hidden_until_its_visibility_timeout_ends(
        self, container: Container
    ) -> None:
        given_context(container)
        run_frontdesk("queues", "read", "sms-replies", "--visibility-seconds", "0")
        (again,) = json_lines(run_frontdesk("queues", "read", "sms-replies", "--json"))
        assert again["receive_count"] == 2
        assert json_lines(run_frontdesk("queues", "read", "sms-replies", "--json")) == []
        assert (
            "nothing ready; 1 taken and not acknowledged yet"
            in run_frontdesk("queues", "read", "sms-replies").stdout
        )

    def test_delayed_context_is_counted_and_shown_on_request(self, container: Container) -> None:
        given_context(container, delay_seconds=30)
        output = run_frontdesk("queues", "read", "sms-replies").stdout
        assert "sms-replies: nothing ready; 1 delayed: --include-delayed shows it" in output
        shown = json_lines(
            run_frontdesk("queues", "read", "sms-replies", "--include-delayed", "--json")
        )
        assert len(shown) == 1

    def test_queues_read_reports_an_empty_queue(self) -> None:
        assert run_frontdesk("queues", "read", "sms-replies").stdout == "sms-replies: empty\n"

    def test_queues_read_receives_at_most_the_requested_number(self, container: Container) -> None:
        for number in range(3):
            given_context(container, f"request-{number}")
        output = run_frontdesk("queues", "read", "sms-replies", "--max", "2").stdout
        assert output.count('"request_id"') == 2
        assert "2 contexts, back in 30 s unless acknowledged; 1 more ready" in output

    def test_queues_read_with_acknowledge_deletes_the_contexts(self, container: Container) -> None:
        given_context(container)
        output = run_frontdesk("queues", "read", "sms-replies", "--acknowledge").stdout
        assert "sms-replies: 1 context acknowledged" in output
        assert all(
            depth.in_flight == depth.ready == 0 for depth in container.context_queue().depths()
        )

    def test_queues_read_prints_indented_json_without_control_characters(
        self, container: Container
    ) -> None:
        given_context(container, body="\x1b[2J Grüße")
        output = run_frontdesk("queues", "read", "sms-replies").stdout
        assert '\n    "body": "\\u001b[2J Grüße",\n' in output
        assert "\x1b" not in output

    @pytest.mark.parametrize("name", ["sms", "sms-reply", "SMS-REPLIES", "fax-replies"])
    def test_unknown_queue_name_is_a_usage_error_that_names_the_queues(self, name: str) -> None:
        line = error_line(run_frontdesk("queues", "read", name), 2)
        assert "'sms-replies'" in line


class TestAcknowledge:
    def test_queues_acknowledge_accepts_the_receipt_of_a_context(
        self, container: Container
    ) -> None:
        given_context(container)
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-replies", "--json"))
        result = run_frontdesk("queues", "acknowledge", "sms-replies", line["receipt"])
        assert (result.exit_code, result.stdout) == (0, "sms-replies: acknowledged\n")

    def test_queues_acknowledge_reports_an_invalid_receipt_in_one_line(self) -> None:
        line = error_line(run_frontdesk("queues", "acknowledge", "sms-replies", "nonsense"), 1)
        assert line.startswith("frontdesk: sms-replies: this receipt is not valid")
