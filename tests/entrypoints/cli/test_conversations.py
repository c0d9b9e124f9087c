"""``frontdesk conversations``."""

import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.channels import ChannelType
from domain.conversations import Direction, Message
from entrypoints.composition.container import Container
from tests.builders import NOW, a_conversation, a_record, an_inbound_message
from tests.entrypoints.cli.support import cursor_in, error_line, json_lines, run_frontdesk

RECORD_KEYS = {
    "conversation_id",
    "primary_channel",
    "conversation_status",
    "hand_off_to_human",
    "thread_id",
    "company_id",
    "project_id",
    "company_name",
    "credentials_reference",
    "sender_id",
    "recipient_id",
    "last_user_message_at",
    "last_activity_at",
    "last_message",
}


def given_conversation(container: Container, **changes: Any) -> str:
    conversation, _ = container.conversation_store().open_conversation(a_conversation(**changes))
    return conversation.conversation_id


def given_message(container: Container, body: str, number: int = 1) -> None:
    """Record a message in ``conversation-1``."""
    message = an_inbound_message(
        message_id=f"SM{number:032}", body=body, received_at=NOW + timedelta(minutes=number)
    )
    (conversation,) = container.conversation_store().get_conversations("conversation-1")
    container.message_store().record(a_record(message, conversation.key))
    container.conversation_store().record_activity(conversation, message)


class TestOpen:
    def test_conversations_open_prints_every_field_of_the_conversation(self) -> None:
        (record,) = json_lines(
            run_frontdesk("conversations", "open", "--channel", "sms", "--sender", "+14155550123",
                          "--recipient", "+15005550006", "--company-id", "acme", "--project-id",
                          "support", "--company-name", "Acme", "--credentials-reference", "ref",
                          "--hand-off", "--json")
        )  # fmt: skip
        assert record.pop("conversation_id")
        assert record == {
            "primary_channel": "sms",
            "conversation_status": "active",
            "hand_off_to_human": True,
            "thread_id": None,
            "company_id": "acme",
            "project_id": "support",
            "company_name": "Acme",
            "credentials_reference": "ref",
            "sender_id": "+14155550123",
            "recipient_id": "+15005550006",
            "last_user_message_at": None,
            "last_activity_at": None,
            "last_message": None,
            "created": True,
        }

    def test_opening_an_existing_conversation_shows_it_unchanged(self) -> None:
        arguments = ("conversations", "open", "--channel", "sms", "--sender", "+14155550123")
        (first,) = json_lines(run_frontdesk(*arguments, "--json"))
        (second,) = json_lines(run_frontdesk(*arguments, "--json"))
        assert second == {**first, "created": False}
        assert "nothing changed" in run_frontdesk(*arguments).stdout

    @pytest.mark.parametrize(
        ("channel", "given", "retained"),
        [
            ("whatsapp", "whatsapp:+14155550123", "+14155550123"),
            ("whatsapp", "US.13491208655302741918", "US.13491208655302741918"),
            ("email", "Ana@EXAMPLE.com", "ana@example.com"),
            ("sms", "12345", "12345"),
        ],
    )
    def test_conversations_open_normalises_the_address_of_the_sender(
        self, channel: str, given: str, retained: str
    ) -> None:
        (record,) = json_lines(
            run_frontdesk(
                "conversations", "open", "--channel", channel, "--sender", given, "--json"
            )
        )
        assert record["sender_id"] == retained

    def test_conversations_open_accepts_a_messaging_service_as_the_recipient(self) -> None:
        service = "MG" + "0" * 32
        (record,) = json_lines(
            run_frontdesk("conversations", "open", "--channel", "sms", "--sender", "+14155550123",
                          "--recipient", service, "--json")
        )  # fmt: skip
        assert record["recipient_id"] == service

    @pytest.mark.parametrize(
        ("channel", "option", "address", "expected"),
        [
            ("sms", "--sender", "4155550123", "a number like +14155550123"),
            ("sms", "--sender", "whatsapp:+14155550123", "a number like +14155550123"),
            ("whatsapp", "--sender", "Ana", "a user id like US."),
            ("whatsapp", "--sender", "MG" + "0" * 32, "a number like +14155550123"),
            ("email", "--sender", "Ana <ana@example.com>", "an address like ana@example.com"),
            ("sms", "--recipient", "MG123456789", "a number like +15005550006"),
            ("email", "--recipient", "help", "an address like help@example.com"),
        ],
    )
    def test_conversations_open_reports_the_expected_form_of_an_invalid_address(
        self, channel: str, option: str, address: str, expected: str
    ) -> None:
        sender = "ana@example.com" if channel == "email" else "+14155550123"
        other = ("--sender", sender) if option == "--recipient" else ()
        result = run_frontdesk(
            "conversations", "open", "--channel", channel, *other, option, address
        )
        line = error_line(result, 2)
        assert line.startswith(f"frontdesk conversations open: invalid value for '{option}'")
        assert expected in line

    def test_conversations_open_refuses_a_recipient_that_belongs_to_no_company(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "tenants.json"
        file.write_text(
            '{"tenants": [{"company_id": "acme", "recipients": ["+15005550009"],'
            ' "twilio": {"account_sid": "AC00000000000000000000000000000001",'
            ' "auth_tokens": ["t"]}}]}'
        )
        monkeypatch.setenv("TENANTS", f"file:{file}")
        result = run_frontdesk("conversations", "open", "--channel", "sms", "--sender",
                               "+14155550123", "--recipient", "+15005550006")  # fmt: skip
        assert "no configured company has this recipient" in error_line(result, 1)

    def test_conversations_open_takes_an_address_with_the_scheme_of_another_service(self) -> None:
        (record,) = json_lines(
            run_frontdesk(
                *("conversations", "open", "--channel", "sms", "--json"),
                *("--sender", "rcs:+14155550188", "--recipient", "rcs:acme_agent"),
            )
        )
        assert (record["sender_id"], record["recipient_id"]) == (
            "rcs:+14155550188",
            "rcs:acme_agent",
        )


class TestList:
    @pytest.mark.usefixtures("empty_database")
    def test_conversations_list_without_conversations_is_empty(self) -> None:
        assert run_frontdesk("conversations", "list", "--json").stdout == ""
        assert "No conversations yet" in run_frontdesk("conversations", "list").stdout

    def test_conversations_list_prints_a_conversation_as_a_json_record(
        self, container: Container
    ) -> None:
        given_conversation(container)
        given_message(container, "Is my order on its way?")
        (record,) = json_lines(run_frontdesk("conversations", "list", "--json"))
        assert set(record) == RECORD_KEYS
        assert record["conversation_status"] == "user_reply_received"
        assert record["last_user_message_at"] == "2026-03-04T12:01:00.250000Z"
        assert record["last_message"]["content"] == "Is my order on its way?"

    def test_conversations_list_prints_the_sender_and_recipient_of_a_conversation(
        self, container: Container
    ) -> None:
        given_conversation(container)
        output = run_frontdesk("conversations", "list").stdout
        assert "conversation-1" in output
        assert "+14155550123 → +15005550006" in output
        assert "never" in output

    def test_conversations_list_stops_at_the_limit_and_says_how_to_go_on(
        self, container: Container
    ) -> None:
        for number in range(3):
            at = NOW + timedelta(seconds=number)
            given_conversation(container, conversation_id=f"c-{number}", last_activity_at=at)
        first = run_frontdesk("conversations", "list", "--limit", "2")
        assert re.findall(r"c-\d", first.stdout) == ["c-2", "c-1"]
        cursor = cursor_in(first.stdout)
        rest = run_frontdesk("conversations", "list", "--limit", "2", "--after", cursor)
        assert re.findall(r"c-\d", rest.stdout) == ["c-0"]
        assert "--after" not in rest.stdout

    def test_conversations_list_as_json_says_how_to_go_on_beside_its_records(
        self, container: Container
    ) -> None:
        given_conversation(container)
        given_conversation(container, conversation_id="conversation-2")
        result = run_frontdesk("conversations", "list", "--limit", "1", "--json")
        assert len(json_lines(result)) == 1
        following = ("--after", cursor_in(result.stderr), "--json")
        assert len(json_lines(run_frontdesk("conversations", "list", *following))) == 1

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("--address", "+14155550123"), {"sms", "whatsapp"}),
            (("--address", " whatsapp:+14155550123 "), {"whatsapp"}),
            (("--address", "+14155550123", "--channel", "sms"), {"sms"}),
            (("--address", "Ana@EXAMPLE.com"), {"email"}),
            (("--channel", "email"), {"email"}),
            (("--company", "acme"), {"email"}),
            (("--status", "closed"), {"email"}),
            (("--status", "closed", "--channel", "sms"), set()),
            (("--answers", "human"), {"whatsapp"}),
            (("--answers", "ai"), {"sms", "email"}),
            (("--address", "+14155550199"), set()),
        ],
    )
    def test_conversations_list_shows_those_that_fit(
        self, container: Container, options: tuple[str, ...], expected: set[str]
    ) -> None:
        for channel, changes in (
            (ChannelType.SMS, {}),
            (ChannelType.WHATSAPP, {"hand_off_to_human": True}),
            (ChannelType.EMAIL, {"company_id": "acme", "conversation_status": "closed"}),
        ):
            given_conversation(container, channel=channel, **{"company_id": "other", **changes})
        records = json_lines(run_frontdesk("conversations", "list", *options, "--json"))
        assert {record["primary_channel"] for record in records} == expected
        said = run_frontdesk("conversations", "list", *options).stdout
        assert ("No conversation fits." in said) is (not expected)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--address", "nonsense here"), "'--address': not an address"),
            (("--address", "ana@example.com", "--channel", "sms"), "of any form that sms has"),
            (("--after", "nonsense"), "'--after': this cursor is not one of this list"),
            (("--channel", "fax"), "'--channel'"),
        ],
    )
    def test_option_of_conversations_list_in_another_form_is_a_usage_error(
        self, container: Container, options: tuple[str, ...], words: str
    ) -> None:
        given_conversation(container)
        assert words in error_line(run_frontdesk("conversations", "list", *options), 2)

    def test_conversation_id_is_whole_on_a_terminal_of_80_columns(
        self, container: Container, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = str(uuid.uuid4())
        given_conversation(container, conversation_id=name)
        monkeypatch.setattr("entrypoints.cli.terminal.output._PIPE_COLUMNS", 80)
        assert name in run_frontdesk("conversations", "list").stdout


class TestShow:
    def test_conversations_show_prints_the_history_of_a_conversation_oldest_first(
        self, container: Container
    ) -> None:
        given_conversation(container)
        for number, body in enumerate(("first", "second", "third"), 1):
            given_message(container, body, number)
        (record,) = json_lines(
            run_frontdesk("conversations", "show", "conversation-1", "--json", "--limit", "2")
        )
        assert set(record) == {*RECORD_KEYS, "messages"}
        assert [message["content"] for message in record["messages"]] == ["second", "third"]
        assert record["messages"][1] == {
            "message_id": f"SM{3:032}",
            "direction": "INBOUND",
            "content": "third",
            "timestamp": "2026-03-04T12:03:00.250000Z",
            "channel_type": "sms",
            "metadata": {
                "sender": "+14155550123",
                "recipient": "+15005550006",
            },
        }

    def test_conversations_show_prints_a_record_for_each_channel_of_a_conversation(
        self, container: Container
    ) -> None:
        given_conversation(container)
        given_conversation(container, channel=ChannelType.EMAIL)
        records = json_lines(run_frontdesk("conversations", "show", "conversation-1", "--json"))
        assert {record["primary_channel"] for record in records} == {"sms", "email"}

    def test_conversations_show_prints_a_conversation_as_a_chat(self, container: Container) -> None:
        legacy = Message(
            "out-1", Direction.OUTBOUND, "How may we help?", NOW, ChannelType.SMS, {"subject": "Hi"}
        )
        given_conversation(container, legacy_messages=(legacy,))
        given_message(container, "Is my order\non its way?")
        output = run_frontdesk("conversations", "show", "conversation-1").stdout
        assert "2026-03-04 12:00:00 UTC  → company  out-1\n    How may we help?\n" in output
        assert "    Is my order\n    on its way?\n" in output
        assert "← +14155550123" in output
        assert "Acme / acme" in output

    def test_conversations_show_reports_an_empty_history(self, container: Container) -> None:
        given_conversation(container)
        assert (
            "Nobody has written yet."
            in run_frontdesk("conversations", "show", "conversation-1").stdout
        )

    def test_conversations_show_prints_a_message_without_control_characters(
        self, container: Container
    ) -> None:
        given_conversation(container)
        given_message(container, "\x1b[2J\x9b31m\u202egnp [bold]x[/bold] :smile:\r\x07")
        output = run_frontdesk("conversations", "show", "conversation-1").stdout
        assert r"\x1b[2J\u009b31m\u202egnp [bold]x[/bold] :smile:\r\x07" in output
        assert not any(character in output for character in "\x1b\x9b\u202e\r\x07")

    def test_conversations_show_escapes_control_characters_in_json(
        self, container: Container
    ) -> None:
        given_conversation(container)
        given_message(container, "\x1b[2J\x9b\u202e Grüße 👋")
        result = run_frontdesk("conversations", "show", "conversation-1", "--json")
        assert not any(character in result.stdout for character in "\x1b\x9b\u202e")
        assert "Grüße 👋" in result.stdout
        (record,) = json_lines(result)
        assert record["messages"][0]["content"] == "\x1b[2J\x9b\u202e Grüße 👋"

    @pytest.mark.usefixtures("empty_database")
    def test_conversations_show_reports_an_unknown_conversation_id_in_one_line(self) -> None:
        line = error_line(run_frontdesk("conversations", "show", "nobody"), 1)
        assert line == "frontdesk: there is no conversation with this id"


class TestHandOff:
    def test_hand_off_is_switched_on_and_off(self, container: Container) -> None:
        given_conversation(container)
        (on,) = json_lines(
            run_frontdesk("conversations", "hand-off", "conversation-1", "on", "--json")
        )
        assert on["hand_off_to_human"] is True
        assert (
            "the AI answers from now on"
            in run_frontdesk("conversations", "hand-off", "conversation-1", "off").stdout
        )
        (record,) = container.conversation_store().get_conversations("conversation-1")
        assert not record.hand_off_to_human

    def test_hand_off_reports_an_unknown_conversation_id_in_one_line(self) -> None:
        error_line(run_frontdesk("conversations", "hand-off", "nobody", "on"), 1)

    def test_hand_off_state_other_than_on_or_off_is_a_usage_error(self) -> None:
        line = error_line(run_frontdesk("conversations", "hand-off", "conversation-1", "maybe"), 2)
        assert "'maybe' is not one of 'on', 'off'" in line
