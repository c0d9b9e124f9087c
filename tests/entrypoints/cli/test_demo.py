"""``frontdesk demo``."""

from entrypoints.simulation.demo import DEMO_RECIPIENTS, DEMO_SENDERS
from tests.entrypoints.cli.support import json_lines, run_frontdesk


def test_demo_opens_a_conversation_on_each_channel() -> None:
    records = json_lines(run_frontdesk("demo", "--json"))
    people = {r["primary_channel"]: (r["sender_id"], r["recipient_id"]) for r in records}
    assert people == {c.value: (DEMO_SENDERS[c], DEMO_RECIPIENTS[c]) for c in DEMO_SENDERS}
    assert all(record["created"] for record in records)


def test_second_demo_run_changes_nothing() -> None:
    first = json_lines(run_frontdesk("demo", "--json"))
    again = json_lines(run_frontdesk("demo", "--json"))
    assert again == [{**record, "created": False} for record in first]
    assert len(json_lines(run_frontdesk("conversations", "list", "--json"))) == len(first)


def test_demo_prints_the_commands_to_try_next() -> None:
    output = run_frontdesk("demo").stdout
    assert "frontdesk send whatsapp --from +14155550123 --body" in output
    assert "frontdesk queues read whatsapp-replies --include-delayed" in output


def test_demo_shows_commands_for_the_server_that_is_given() -> None:
    output = run_frontdesk("demo", "--url", "http://127.0.0.1:9000").stdout
    assert output.count("--from +14155550123 --url http://127.0.0.1:9000 --body") == 2
