"""``frontdesk queues``."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.channels import ChannelType
from domain.context import ContextObject
from domain.erasure import RetainedMessage
from domain.queues import QueueKind, QueueName
from domain.routing import Route
from entrypoints.composition.container import Container
from infrastructure.serialization.context_json import context_to_json
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.entrypoints.cli.support import cursor_in, error_line, json_lines, run_frontdesk

QUEUE = QueueName(ChannelType.SMS, QueueKind.REPLIES)
INVALID_RECEIPTS = (
    *("nonsense", "1-1", "request-1.1.", ".1.1-1", "request-1.one.1-1", "request-1.1"),
    *("request-1.0.1-1", "request-1.01.1-1", "request-1.\u0661.1-1"),
    f"request-1.{'9' * 5_000}.1-1",
)


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


class TestLook:
    def test_queues_look_shows_contexts_and_takes_none(self, container: Container) -> None:
        context = given_context(container, body="Is it here?")
        given_context(container, "request-2", delay_seconds=30)
        for _ in range(2):
            first, second = json_lines(run_frontdesk("queues", "look", "sms-replies", "--json"))
        assert first["context"] == json.loads(context_to_json(context))
        assert (first["queue"], first["receive_count"]) == ("sms-replies", 0)
        assert first["visible_at"] == first["published_at"]
        assert second["context"]["meta"]["request_id"] == "request-2"
        assert second["visible_at"] > second["published_at"]

    def test_queues_look_prints_the_state_of_each_context(self, container: Container) -> None:
        for name, delay_seconds in (("taken", 0), ("ready", 0), ("delayed", 600)):
            given_context(container, name, delay_seconds=delay_seconds)
        container.context_queue().receive(QUEUE, 1, visibility=timedelta(seconds=600))
        lines = run_frontdesk("queues", "look", "sms-replies").stdout.splitlines()
        states = {line.split()[0]: line for line in lines[1:]}
        assert " ready " in states["ready"]
        assert " delayed, 10 min more " in states["delayed"]
        assert " taken, 10 min more " in states["taken"]
        assert "+14155550123" in states["ready"]

    def test_queues_look_goes_on_after_a_page(self, container: Container) -> None:
        for number in range(3):
            given_context(container, f"request-{number}")
        first = run_frontdesk("queues", "look", "sms-replies", "--max", "2").stdout
        assert "request-1" in first
        assert "request-2" not in first
        after = ("--after", cursor_in(first))
        assert "request-2" in run_frontdesk("queues", "look", "sms-replies", *after).stdout
        wrong = run_frontdesk("queues", "look", "sms-handoff", *after)
        assert "'--after'" in error_line(wrong, 2)

    @pytest.mark.usefixtures("empty_database")
    def test_queues_look_says_that_nothing_waits(self) -> None:
        assert run_frontdesk("queues", "look", "sms-replies").stdout == "Nothing waits.\n"


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

    @pytest.mark.usefixtures("empty_database")
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
        for receipt in INVALID_RECEIPTS:
            line = error_line(run_frontdesk("queues", "acknowledge", "sms-replies", receipt), 1)
            assert line.startswith("frontdesk: sms-replies: this receipt is not valid")


@pytest.fixture
def receipt(container: Container) -> str:
    """The receipt of the context of a recorded message, as ``queues read`` shows it."""
    conversation = a_conversation(company_id=None, credentials_reference=None)
    container.conversation_store().open_conversation(conversation)
    record = a_record()
    container.message_store().record(record)
    context = ContextObject.of(record, conversation, None, NOW)
    container.context_queue().publish(context, Route(QUEUE, timedelta(0)))
    (line,) = json_lines(run_frontdesk("queues", "read", "sms-replies", "--json"))
    receipt: str = line["receipt"]
    return receipt


class TestMove:
    def test_queues_move_puts_the_context_on_the_other_queue(
        self, container: Container, receipt: str
    ) -> None:
        result = run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        assert (result.exit_code, result.stdout) == (0, "sms-replies: moved to sms-handoff\n")
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-handoff", "--json"))
        assert line["context"]["meta"]["request_id"] == a_record().request_id
        assert line["context"]["meta"]["publication"] == 2
        assert sum(depth.in_flight for depth in container.context_queue().depths()) == 1

    def test_receipt_of_the_table_is_enough_to_move_the_context_back(self, receipt: str) -> None:
        run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        shown = run_frontdesk("queues", "read", "sms-handoff").stdout
        (again,) = re.findall(r"^sms-handoff  receipt (\S+)  \(first time\)$", shown, re.M)
        result = run_frontdesk("queues", "move", "sms-handoff", again, "replies")
        assert result.stdout == "sms-handoff: moved to sms-replies\n"

    def test_queues_move_can_be_repeated(self, receipt: str) -> None:
        for _ in range(2):
            result = run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
            assert result.stdout == "sms-replies: moved to sms-handoff\n"
        assert len(json_lines(run_frontdesk("queues", "read", "sms-handoff", "--json"))) == 1

    def test_queues_move_says_that_the_context_was_moved_before(self, receipt: str) -> None:
        run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-handoff", "--json"))
        run_frontdesk("queues", "move", "sms-handoff", line["receipt"], "replies")
        result = run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        assert (result.exit_code, result.stdout) == (
            0,
            "sms-replies: acknowledged only: it had been moved before\n",
        )

    def test_queues_move_says_that_the_message_was_erased(
        self, container: Container, receipt: str
    ) -> None:
        container.stores().retention.erase(RetainedMessage.of(a_record()))
        result = run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        assert result.stdout == "sms-replies: acknowledged only: its message was erased\n"
        assert run_frontdesk("queues", "read", "sms-handoff").stdout == "sms-handoff: empty\n"

    def test_queues_move_says_that_no_conversation_takes_the_message(
        self, container: Container, receipt: str
    ) -> None:
        container.stores().retention.erase_conversation(KEY)
        result = run_frontdesk("queues", "move", "sms-replies", receipt, "handoff")
        assert result.stdout.endswith(
            "its conversation is closed or gone, and its message is unmatched\n"
        )

    def test_queues_move_refuses_the_queue_that_the_context_is_on(self, receipt: str) -> None:
        result = run_frontdesk("queues", "move", "sms-replies", receipt, "replies")
        assert error_line(result, 1) == "frontdesk: the context is on sms-replies already"

    def test_queues_move_refuses_a_queue_that_the_context_is_not_on(
        self, container: Container, receipt: str
    ) -> None:
        result = run_frontdesk("queues", "move", "sms-handoff", receipt, "replies")
        assert error_line(result, 1) == "frontdesk: the context is not on sms-handoff"
        assert sum(depth.in_flight for depth in container.context_queue().depths()) == 1
        assert run_frontdesk("queues", "read", "sms-handoff", "--json").stdout == ""

    def test_queues_move_refuses_a_context_without_a_record(self, container: Container) -> None:
        given_context(container)
        (line,) = json_lines(run_frontdesk("queues", "read", "sms-replies", "--json"))
        result = run_frontdesk("queues", "move", "sms-replies", line["receipt"], "handoff")
        assert error_line(result, 1) == ("frontdesk: there is no record of this context's message")
        acknowledged = run_frontdesk("queues", "acknowledge", "sms-replies", line["receipt"])
        assert acknowledged.exit_code == 0

    @pytest.mark.parametrize("receipt", INVALID_RECEIPTS)
    def test_queues_move_reports_an_invalid_receipt_in_one_line(self, receipt: str) -> None:
        line = error_line(run_frontdesk("queues", "move", "sms-replies", receipt, "handoff"), 1)
        assert line.startswith("frontdesk: sms-replies: this receipt is not valid")

    def test_unknown_kind_of_queue_is_a_usage_error(self) -> None:
        line = error_line(run_frontdesk("queues", "move", "sms-replies", "x", "human"), 2)
        assert "'handoff'" in line
