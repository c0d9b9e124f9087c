"""``frontdesk dead-letters``."""

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.messages import MAX_ATTEMPTS
from entrypoints.cli.main import cli
from entrypoints.composition.container import Container
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from tests.builders import NOW, a_record, an_inbound_message, verified
from tests.entrypoints.cli.support import cursor_in, error_line, json_lines, run_frontdesk

ACCOUNT = "AC" + "1" * 32
MESSAGE_SID = "SM" + "2" * 32
FIELDS = {
    "MessageSid": MESSAGE_SID,
    "AccountSid": ACCOUNT,
    "From": "+14155550123",
    "To": "+15005550006",
    "Body": "Is my order on its way?",
}
MAILS = Path(__file__).parents[2] / "payloads" / "sendgrid"


def a_webhook(channel: str = "sms", **fields: str) -> WebhookRequest:
    """A form as Twilio posts it; an empty field is left out."""
    form = {name: value for name, value in {**FIELDS, **fields}.items() if value}
    return WebhookRequest(
        "POST",
        f"https://hooks.example.com/webhooks/{channel}",
        (("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", "abc=")),
        urlencode(form).encode(),
        NOW,
    )


def a_mail(name: str) -> WebhookRequest:
    """A mail as SendGrid posts it, from the library of payloads."""
    body = (MAILS / f"{name}.multipart").read_bytes()
    boundary = body.splitlines()[0].removeprefix(b"--").decode()
    return WebhookRequest(
        "POST",
        "https://hooks.example.com/webhooks/email",
        (("content-type", f'multipart/form-data; boundary="{boundary}"'),),
        body,
        NOW,
    )


UNREADABLE = DeadLetter(
    dead_letter_id="unreadable-1",
    kind=DeadLetterKind.UNREADABLE,
    reason="MessageSid is missing",
    attempts=1,
    created_at=NOW,
    webhook=verified(a_webhook(MessageSid=""), ACCOUNT),
)
BUG = replace(
    UNREADABLE,
    dead_letter_id="bug-1",
    kind=DeadLetterKind.BUG,
    reason="KeyError",
    webhook=verified(a_webhook(), ACCOUNT),
    created_at=NOW + timedelta(seconds=1),
)


def given_dead_letters(container: Container, *dead_letters: DeadLetter) -> None:
    for dead_letter in dead_letters:
        container.dead_letters().store(dead_letter)


def remaining_ids(container: Container) -> list[str]:
    """The ids of the letters that are there."""
    return [
        dead_letter.dead_letter_id for dead_letter in container.dead_letters().each_dead_letter()
    ]


class TestList:
    @pytest.mark.usefixtures("empty_database")
    def test_list_reports_that_there_are_no_dead_letters(self) -> None:
        assert run_frontdesk("dead-letters", "list").stdout == "There are no dead letters.\n"

    def test_list_shows_the_reason_of_a_dead_letter_without_its_request(
        self, container: Container
    ) -> None:
        given_dead_letters(container, UNREADABLE)
        assert json_lines(run_frontdesk("dead-letters", "list", "--json")) == [
            {
                "dead_letter_id": "unreadable-1",
                "kind": "unreadable",
                "reason": "MessageSid is missing",
                "attempts": 1,
                "created_at": "2026-03-04T12:00:00.250000Z",
                "account": ACCOUNT,
                "path": "/webhooks/sms",
                "size_bytes": 114,
                "request_id": None,
                "channel": "sms",
                "senders": [],
            }
        ]

    def test_list_shows_the_channel_and_the_sender_of_a_dead_letter(
        self, container: Container
    ) -> None:
        webhook = verified(a_mail("parsed_plain"), ACCOUNT, ChannelType.EMAIL)
        mail = replace(BUG, dead_letter_id="bug-2", webhook=webhook)
        given_dead_letters(container, BUG, mail)
        output = run_frontdesk("dead-letters", "list").stdout
        assert "sms, +14155550123" in output
        assert "email, ana@example.com" in output

    def test_list_shows_the_sender_of_an_undeliverable_message(self, container: Container) -> None:
        container.message_store().record(a_record())
        undeliverable = replace(UNREADABLE, webhook=None, request_id=a_record().request_id)
        unknown = replace(undeliverable, dead_letter_id="zzz", request_id="unknown")
        given_dead_letters(container, undeliverable, unknown)
        first, second = json_lines(run_frontdesk("dead-letters", "list", "--json"))
        assert (first["channel"], first["senders"]) == ("sms", ["+14155550123"])
        assert (second["channel"], second["senders"]) == (None, [])

    def test_dead_letter_id_is_whole_on_a_terminal_of_80_columns(
        self, container: Container, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = f"unauthenticated-{'0' * 32}"
        reason = "the author of this mail is not authenticated"
        given_dead_letters(container, replace(BUG, dead_letter_id=name, reason=reason))
        monkeypatch.setattr("entrypoints.cli.terminal.output._PIPE_COLUMNS", 80)
        assert name in run_frontdesk("dead-letters", "list").stdout

    def test_list_prints_dead_letters_as_a_table_without_control_characters(
        self, container: Container
    ) -> None:
        given_dead_letters(container, replace(UNREADABLE, reason="bad \x1b[31m"))
        output = run_frontdesk("dead-letters", "list").stdout
        assert "unreadable-1  sms            bad \\x1b[31m         1  2026-03-04 12:00:00" in output

    def test_list_shows_dead_letters_of_one_kind_up_to_the_limit(
        self, container: Container
    ) -> None:
        bugs = [
            replace(BUG, dead_letter_id=f"bug-{n}", created_at=NOW + timedelta(seconds=n))
            for n in range(1, 4)
        ]
        given_dead_letters(container, UNREADABLE, *bugs)
        found = run_frontdesk("dead-letters", "list", "--kind", "bug", "--limit", "2", "--json")
        assert [line["dead_letter_id"] for line in json_lines(found)] == ["bug-1", "bug-2"]
        output = run_frontdesk("dead-letters", "list", "--kind", "bug", "--limit", "2").stdout
        following = ("--kind", "bug", "--after", cursor_in(output), "--json")
        rest = json_lines(run_frontdesk("dead-letters", "list", *following))
        assert [line["dead_letter_id"] for line in rest] == ["bug-3"]

    @pytest.mark.usefixtures("empty_database")
    def test_wrong_cursor_of_the_list_is_a_usage_error(self) -> None:
        line = error_line(run_frontdesk("dead-letters", "list", "--after", "nonsense"), 2)
        assert "'--after': this cursor is not one of this list" in line


class TestBrokenDeadLetter:
    """One file that is no letter."""

    @pytest.fixture(autouse=True)
    def note(self, container: Container) -> str:
        given_dead_letters(container, UNREADABLE)
        file = container.settings().data_dir / "dead-letters" / "note.json"
        file.write_text("{}")
        return f"frontdesk: 1 dead letter cannot be read: {file.absolute()}"

    @pytest.mark.parametrize("arguments", [(), ("--json",), ("--limit", "1")])
    def test_list_shows_readable_dead_letters_and_reports_a_broken_one(
        self, note: str, arguments: tuple[str, ...]
    ) -> None:
        result = run_frontdesk("dead-letters", "list", *arguments)
        assert "unreadable-1" in result.stdout
        assert ("--limit" in arguments) or error_line(result, 0) == note

    def test_redriving_all_dead_letters_fails_while_a_broken_one_remains(
        self, container: Container, note: str
    ) -> None:
        container.dead_letters().delete("unreadable-1")
        assert error_line(run_frontdesk("dead-letters", "redrive", "--all"), 1) == note

    def test_broken_dead_letter_can_be_deleted_by_its_name(self, note: str) -> None:
        assert run_frontdesk("dead-letters", "delete", "note", "--yes").exit_code == 0
        assert run_frontdesk("dead-letters", "list").stderr == ""


class TestShow:
    def test_show_prints_the_complete_request_of_a_dead_letter_as_json(
        self, container: Container
    ) -> None:
        given_dead_letters(container, UNREADABLE)
        (shown,) = json_lines(run_frontdesk("dead-letters", "show", "unreadable-1", "--json"))
        assert UNREADABLE.webhook is not None
        assert base64.b64decode(shown["body_base64"]) == UNREADABLE.webhook.request.body
        assert shown["url"] == "https://hooks.example.com/webhooks/sms"
        assert ["x-twilio-signature", "abc="] in shown["headers"]
        assert shown["reason"] == "MessageSid is missing"

    def test_show_prints_the_form_of_a_dead_letter_and_why_it_cannot_be_read(
        self, container: Container
    ) -> None:
        given_dead_letters(container, UNREADABLE)
        lines = run_frontdesk("dead-letters", "show", "unreadable-1").stdout.splitlines()
        assert lines[0] == "Dead letter unreadable-1"
        words = [" ".join(line.split()) for line in lines]
        assert "reason MessageSid is missing" in words
        assert "POST https://hooks.example.com/webhooks/sms" in words
        assert "x-twilio-signature abc=" in words
        assert "Body Is my order on its way?" in words
        assert words[-1] == "It cannot be read today: MessageSid is missing"

    def test_show_prints_a_readable_dead_letter_as_a_message(self, container: Container) -> None:
        given_dead_letters(container, BUG)
        output = run_frontdesk("dead-letters", "show", "bug-1").stdout
        assert "Today it is read as 1 message" in output
        assert output.endswith("\n\nIs my order on its way?\n")

    @pytest.mark.parametrize("name", ["parsed_plain", "raw_mixed"])
    def test_show_prints_mail_in_a_dead_letter_with_its_headers_and_text(
        self, container: Container, name: str
    ) -> None:
        mail = verified(a_mail(name), ACCOUNT, ChannelType.EMAIL)
        given_dead_letters(container, replace(BUG, webhook=mail))
        output = run_frontdesk("dead-letters", "show", "bug-1").stdout
        words = [" ".join(line.split()) for line in output.splitlines()]
        message = container.parsers().for_channel(mail.channel).parse(mail)[0].message
        assert f"from {message.sender.value}" in words
        assert f"subject {message.subject}" in words
        assert message.body in output

    def test_show_prints_the_beginning_of_unreadable_mail_in_a_dead_letter(
        self, container: Container
    ) -> None:
        mail = verified(a_mail("truncated"), ACCOUNT, ChannelType.EMAIL)
        given_dead_letters(container, replace(UNREADABLE, webhook=mail))
        output = run_frontdesk("dead-letters", "show", "unreadable-1").stdout
        _, preview = output.split("It cannot be read today: the form is damaged or cut off\n\n")
        assert preview.startswith("------WebKitFormBoundary7MA4YWxkTrZu0gW43\n")

    def test_show_prints_the_beginning_of_a_long_dead_letter(self, container: Container) -> None:
        request = replace(a_webhook(), headers=(), body=b"\xff" + b"x" * 4_097)
        given_dead_letters(container, replace(BUG, webhook=verified(request)))
        output = run_frontdesk("dead-letters", "show", "bug-1").stdout
        assert "\n\\xffxxx" in output
        assert output.endswith("101 more characters: --json shows all.\n")

    def test_show_prints_a_dead_letter_without_control_characters(
        self, container: Container
    ) -> None:
        evil = "\x1b]0;owned\x07\x9b31m\u202e\x00"
        request = replace(
            a_webhook(Body=evil, **{evil: evil}),
            headers=((evil, evil), ("content-type", "application/x-www-form-urlencoded")),
            url=f"https://hooks.example.com/webhooks/sms?{evil}",
        )
        given_dead_letters(container, replace(BUG, reason=evil, webhook=verified(request, evil)))
        for arguments in ((), ("--json",)):
            output = run_frontdesk("dead-letters", "show", "bug-1", *arguments).stdout
            assert not set("\x1b\x07\x9b\u202e\x00") & set(output)
            assert "owned" in output

    @pytest.mark.parametrize("dead_letter_id", ["bug-2", "../bug-1", "bug\x1b"])
    def test_show_reports_an_unknown_dead_letter_id(
        self, container: Container, dead_letter_id: str
    ) -> None:
        given_dead_letters(container, BUG)
        line = error_line(run_frontdesk("dead-letters", "show", dead_letter_id), 1)
        assert line.startswith("frontdesk: there is no dead letter ")
        assert line.isprintable()

    def test_show_prints_a_dead_letter_about_a_message_without_a_request(
        self, container: Container
    ) -> None:
        given_dead_letters(container, replace(BUG, webhook=None, request_id="0" * 64))
        assert "0" * 64 in run_frontdesk("dead-letters", "show", "bug-1").stdout
        (shown,) = json_lines(run_frontdesk("dead-letters", "show", "bug-1", "--json"))
        assert (shown["request_id"], shown["body_base64"]) == ("0" * 64, None)


class TestRedrive:
    @pytest.fixture(autouse=True)
    def conversation(self, development: DevelopmentCredentials) -> None:
        run_frontdesk("conversations", "open", "--channel", "sms", "--sender", "+14155550123")
        self.account = development.twilio_account_sid

    def fixed_dead_letter(self) -> DeadLetter:
        """A letter that only a bug of before stood in the way of."""
        webhook = a_webhook(AccountSid=self.account)
        return replace(BUG, webhook=verified(webhook, self.account))

    def test_redriven_dead_letter_becomes_a_message_on_its_queue(
        self, container: Container
    ) -> None:
        given_dead_letters(container, self.fixed_dead_letter())
        assert run_frontdesk("dead-letters", "redrive", "bug-1").stdout.splitlines() == [
            "bug-1: recorded",
            "1 dead letter redriven.",
        ]
        assert remaining_ids(container) == []
        (backlog,) = json_lines(
            run_frontdesk("queues", "read", "sms-replies", "--include-delayed", "--json")
        )
        assert backlog["context"]["message"]["message_id"] == MESSAGE_SID

    def test_redrive_reports_a_dead_letter_that_fails_again(self, container: Container) -> None:
        given_dead_letters(container, UNREADABLE, self.fixed_dead_letter())
        result = run_frontdesk("dead-letters", "redrive", "--all")
        assert error_line(result, 1) == (
            "frontdesk: 1 dead letter failed again, first unreadable-1: MessageSid is missing"
        )
        assert result.stdout.splitlines() == [
            "unreadable-1: failed again: MessageSid is missing",
            "bug-1: recorded",
            "1 dead letter redriven, 1 still there.",
        ]
        (dead_letter,) = container.dead_letters().each_dead_letter()
        assert (dead_letter.dead_letter_id, dead_letter.attempts) == ("unreadable-1", 2)

    def test_redriving_all_can_be_limited_to_one_kind_of_dead_letter(
        self, container: Container
    ) -> None:
        given_dead_letters(container, UNREADABLE, self.fixed_dead_letter())
        assert run_frontdesk("dead-letters", "redrive", "--all", "--kind", "bug").exit_code == 0
        assert remaining_ids(container) == ["unreadable-1"]

    def test_redrive_reports_the_outcome_of_each_message_as_json(
        self, container: Container
    ) -> None:
        given_dead_letters(container, self.fixed_dead_letter())
        (line,) = json_lines(run_frontdesk("dead-letters", "redrive", "bug-1", "--json"))
        assert (line["dead_letter_id"], line["outcome"]) == ("bug-1", "received")
        (message,) = line["messages"]
        assert (message["outcome"], message["message_id"]) == ("recorded", MESSAGE_SID)
        assert message["conversation_id"]

    def test_redrive_reports_a_failed_dead_letter_as_json(self, container: Container) -> None:
        given_dead_letters(container, UNREADABLE)
        result = run_frontdesk("dead-letters", "redrive", "unreadable-1", "--json")
        assert result.exit_code == 1
        assert '"outcome": "failed"' in result.stdout
        assert '"attempts": 2' in result.stdout

    def test_redrive_continues_after_an_unknown_dead_letter_id(self, container: Container) -> None:
        given_dead_letters(container, self.fixed_dead_letter())
        result = run_frontdesk("dead-letters", "redrive", "bug-9", "bug-1")
        assert error_line(result, 1) == "frontdesk: there is no dead letter bug-9"
        assert result.stdout == "bug-1: recorded\n"
        assert remaining_ids(container) == []

    def test_redrive_without_dead_letters_reports_nothing_to_redrive(self) -> None:
        assert (
            run_frontdesk("dead-letters", "redrive", "--all").stdout
            == "There is nothing to redrive.\n"
        )
        assert run_frontdesk("dead-letters", "redrive", "--all", "--json").stdout == ""

    def test_redriven_undeliverable_message_is_published_by_the_relay(
        self, container: Container
    ) -> None:
        messages = container.message_store()
        (conversation,) = container.conversation_store().list_conversations(1).items
        message = an_inbound_message(account=self.account)
        record = a_record(message, conversation.key)
        messages.record(record)
        for number in range(MAX_ATTEMPTS):
            now = NOW + timedelta(hours=number + 1)
            container.outbox().take_lease(record, now)
            record = record.leased(now)
        assert container.outbox().give_up(record)
        given_dead_letters(
            container,
            replace(
                BUG,
                dead_letter_id="undeliverable-1",
                kind=DeadLetterKind.UNDELIVERABLE,
                webhook=None,
                request_id=record.request_id,
            ),
        )
        assert run_frontdesk("dead-letters", "redrive", "undeliverable-1").stdout.splitlines() == [
            "undeliverable-1: pending again, the relay publishes it",
            "1 dead letter redriven.",
        ]
        assert "1 pending message published" in run_frontdesk("relay").stdout


class TestDelete:
    def test_delete_removes_the_given_dead_letter(self, container: Container) -> None:
        given_dead_letters(container, UNREADABLE, BUG)
        result = run_frontdesk("dead-letters", "delete", "bug-1", "--yes")
        assert (result.exit_code, result.stdout) == (0, "1 dead letter deleted.\n")
        assert remaining_ids(container) == ["unreadable-1"]

    @pytest.mark.parametrize("answer", ["n\n", ""])
    def test_delete_without_confirmation_leaves_the_dead_letter(
        self, container: Container, answer: str
    ) -> None:
        given_dead_letters(container, BUG)
        arguments = ["dead-letters", "delete", "bug-1"]
        result = CliRunner().invoke(cli, arguments, input=answer)
        assert result.exit_code == 1
        assert "Delete 1 dead letter for ever?" in result.stderr
        assert result.stderr.endswith(
            "frontdesk: nothing was deleted: '--yes' deletes without asking\n"
        )
        assert remaining_ids(container) == ["bug-1"]

    def test_delete_with_confirmation_removes_the_dead_letter(self, container: Container) -> None:
        given_dead_letters(container, BUG)
        result = CliRunner().invoke(cli, ["dead-letters", "delete", "bug-1"], input="y\n")
        assert (result.exit_code, result.stdout) == (0, "1 dead letter deleted.\n")
        assert remaining_ids(container) == []

    def test_delete_continues_after_an_unknown_dead_letter_id(self, container: Container) -> None:
        given_dead_letters(container, BUG)
        result = run_frontdesk("dead-letters", "delete", "bug-9", "bug-1", "--yes")
        assert error_line(result, 1) == "frontdesk: there is no dead letter bug-9"
        assert remaining_ids(container) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("redrive",), "either ids"),
        (("redrive", "bug-1", "--all"), "either ids"),
        (("redrive", "bug-1", "--kind", "bug"), "goes with '--all'"),
        (("redrive", "--all", "--kind", "other"), "is not one of"),
        (("delete",), "missing argument 'ID...'"),
        (("show",), "missing argument 'ID'"),
        (("list", "--kind", "other"), "is not one of"),
    ],
)
def test_unclear_choice_of_dead_letters_is_a_usage_error(
    arguments: tuple[str, ...], words: str
) -> None:
    assert words in error_line(run_frontdesk("dead-letters", *arguments), 2)
