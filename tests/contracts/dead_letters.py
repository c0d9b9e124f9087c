"""The contract of ``DeadLetters``."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.webhook_parser import WebhookRequest
from domain.errors import BrokenDeadLetterError
from infrastructure.serialization.webhook_json import dead_letter_to_json
from tests.builders import NOW, verified
from tests.contracts.concurrency import at_once

REQUEST = WebhookRequest(
    method="POST",
    url="https://example.com/webhooks/sms?a=1&b=%20",
    headers=(("content-type", "text/plain"), ("x-twice", "ü"), ("x-twice", "2")),
    body=b"\x00\xff binary \r\n",
    received_at=NOW,
)


def a_dead_letter(
    dead_letter_id: str = "unreadable-1",
    *,
    request: WebhookRequest | None = REQUEST,
    **changes: Any,
) -> DeadLetter:
    """A dead letter that was created at ``NOW``."""
    dead_letter = DeadLetter(
        dead_letter_id=dead_letter_id,
        kind=DeadLetterKind.UNREADABLE,
        reason="the form has no MessageSid",
        webhook=verified(request) if request else None,
        attempts=1,
        created_at=NOW + timedelta(microseconds=1),
    )
    return replace(dead_letter, **changes)


class DeadLettersContract:
    """Webhooks that wait for an operator. A backend overrides ``dead_letters``."""

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("a backend provides it")

    def test_dead_letters_are_iterated_from_the_newest_on_if_that_is_asked_for(
        self, dead_letters: DeadLetters
    ) -> None:
        for number in (2, 3, 1):
            created_at = NOW + timedelta(seconds=number)
            dead_letters.store(a_dead_letter(f"bug-{number}", created_at=created_at))
        each = dead_letters.each_dead_letter(newest_first=True)
        assert [one.dead_letter_id for one in each] == ["bug-3", "bug-2", "bug-1"]

    @pytest.mark.parametrize("kind", list(DeadLetterKind))
    def test_dead_letter_is_read_back_unchanged(
        self, dead_letters: DeadLetters, kind: DeadLetterKind
    ) -> None:
        dead_letter = a_dead_letter(kind=kind, attempts=3)
        dead_letters.store(dead_letter)
        assert tuple(dead_letters.each_dead_letter()) == (dead_letter,)

    def test_dead_letter_may_name_a_message_instead_of_a_webhook(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letter = a_dead_letter(request=None, request_id="0" * 64)
        dead_letters.store(dead_letter)
        assert dead_letters.get(dead_letter.dead_letter_id) == dead_letter

    def test_new_store_has_no_dead_letters(self, dead_letters: DeadLetters) -> None:
        assert tuple(dead_letters.each_dead_letter()) == ()
        assert dead_letters.get("unreadable-1") is None

    def test_dead_letter_with_an_existing_id_is_stored_once(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letters.store(a_dead_letter())
        dead_letters.store(a_dead_letter(created_at=NOW + timedelta(hours=1)))
        assert tuple(dead_letters.each_dead_letter()) == (a_dead_letter(),)
        assert dead_letters.get("unreadable-1") == a_dead_letter()

    def test_iteration_yields_each_dead_letter_although_earlier_ones_are_deleted(
        self, dead_letters: DeadLetters
    ) -> None:
        stored = [
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in range(4)
        ]
        stored.insert(3, a_dead_letter("bug-2b", created_at=NOW + timedelta(seconds=2)))
        for number in (3, 2, 0, 4, 1):
            dead_letters.store(stored[number])
        seen = []
        for dead_letter in dead_letters.each_dead_letter():
            seen.append(dead_letter)
            dead_letters.delete(dead_letter.dead_letter_id)
        assert seen == stored

    def test_iteration_reads_each_dead_letter_when_it_reaches_it(
        self, dead_letters: DeadLetters
    ) -> None:
        stored = [
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in range(4)
        ]
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        each = dead_letters.each_dead_letter()
        assert next(each) == stored[0]
        changed = replace(stored[1], attempts=2)
        dead_letters.replace(changed)
        dead_letters.delete("bug-2")
        dead_letters.store(a_dead_letter("bug-4", created_at=NOW + timedelta(seconds=4)))
        assert list(each) == [changed, stored[3]]

    def test_iteration_begins_after_a_place_whether_it_is_there_or_not(
        self, dead_letters: DeadLetters
    ) -> None:
        stored = [a_dead_letter(name) for name in ("bug-1", "bug-2", "bug-3")]
        stored.append(a_dead_letter("a", created_at=NOW + timedelta(seconds=1)))
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        at = stored[0].created_at
        for place, number in (((at, "bug-1"), 1), ((at, "bug-2b"), 2), ((at, "zzz"), 3)):
            assert list(dead_letters.each_dead_letter(after=place)) == stored[number:]
        before = (at - timedelta(microseconds=1), "zzz")
        assert list(dead_letters.each_dead_letter(after=before)) == stored
        assert list(dead_letters.each_dead_letter(after=(stored[-1].created_at, "a"))) == []

    def test_dead_letter_is_found_only_by_its_whole_id(self, dead_letters: DeadLetters) -> None:
        dead_letters.store(a_dead_letter("bug-10"))
        assert dead_letters.get("bug-1") is None
        assert not dead_letters.delete("bug-1")
        assert dead_letters.get("bug-10") == a_dead_letter("bug-10")

    def test_deleted_dead_letter_is_gone_and_can_be_stored_again(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letters.store(a_dead_letter())
        dead_letters.store(a_dead_letter(created_at=NOW + timedelta(hours=1)))
        dead_letters.store(a_dead_letter("bug-1"))
        assert dead_letters.delete("unreadable-1")
        assert not dead_letters.delete("unreadable-1")
        assert tuple(dead_letters.each_dead_letter()) == (a_dead_letter("bug-1"),)
        dead_letters.store(a_dead_letter(attempts=2))
        assert dead_letters.get("unreadable-1") == a_dead_letter(attempts=2)

    def test_replaced_dead_letter_stays_at_its_position(self, dead_letters: DeadLetters) -> None:
        younger = a_dead_letter("bug-1", created_at=NOW + timedelta(seconds=1))
        dead_letters.store(a_dead_letter())
        dead_letters.store(younger)
        changed = a_dead_letter(attempts=2, reason="another one")
        assert dead_letters.replace(changed)
        assert tuple(dead_letters.each_dead_letter()) == (changed, younger)

    def test_missing_dead_letter_is_not_replaced(self, dead_letters: DeadLetters) -> None:
        assert not dead_letters.replace(a_dead_letter())
        assert tuple(dead_letters.each_dead_letter()) == ()

    def test_deleting_by_age_deletes_older_dead_letters(self, dead_letters: DeadLetters) -> None:
        stored = [
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in range(4)
        ]
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=2))) == 2
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=2))) == 0
        assert tuple(dead_letters.each_dead_letter()) == tuple(stored[2:])

    def test_dead_letters_are_counted_up_to_a_limit(self, dead_letters: DeadLetters) -> None:
        assert dead_letters.count(10) == 0
        for number in range(3):
            dead_letters.store(a_dead_letter(f"bug-{number}"))
        assert (dead_letters.count(10), dead_letters.count(2)) == (3, 2)

    def test_concurrent_deletes_of_one_dead_letter_all_succeed(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letters.store(a_dead_letter())
        assert True in at_once([partial(dead_letters.delete, "unreadable-1")] * 8)
        assert tuple(dead_letters.each_dead_letter()) == ()

    def test_concurrent_stores_lose_no_dead_letter(self, dead_letters: DeadLetters) -> None:
        stored = [a_dead_letter(f"bug-{number}") for number in range(16)]
        at_once(partial(dead_letters.store, dead_letter) for dead_letter in stored)
        retained = {dead_letter.dead_letter_id for dead_letter in dead_letters.each_dead_letter()}
        assert retained == {dead_letter.dead_letter_id for dead_letter in stored}

    @pytest.mark.parametrize("dead_letter_id", ["", "../a", "a.json", "a b"])
    def test_dead_letter_id_in_another_form_cannot_be_stored(
        self, dead_letters: DeadLetters, dead_letter_id: str
    ) -> None:
        with pytest.raises(ValueError, match="a key has"):
            dead_letters.store(a_dead_letter(dead_letter_id))
        with pytest.raises(ValueError, match="a key has"):
            dead_letters.replace(a_dead_letter(dead_letter_id))

    @pytest.mark.parametrize("dead_letter_id", ["", "../a", "a.json", "a b", "a/../b", "\0"])
    def test_dead_letter_id_in_another_form_is_not_found(
        self, dead_letters: DeadLetters, dead_letter_id: str
    ) -> None:
        dead_letters.store(a_dead_letter("a"))
        assert dead_letters.get(dead_letter_id) is None
        assert not dead_letters.delete(dead_letter_id)
        assert dead_letters.get("a") == a_dead_letter("a")


WriteContent = Callable[[str, bytes], None]
"""Writes a content to the place of the dead letter with an id and the time ``NOW``."""

UNREADABLE_DEAD_LETTERS = {
    "nothing": b"",
    "another document": b"{}",
    "a dead letter that was cut off": dead_letter_to_json(a_dead_letter("note"))[:-20],
    "a dead letter of another id": dead_letter_to_json(a_dead_letter("bug-1")),
    "a dead letter of no kind": dead_letter_to_json(a_dead_letter("note")).replace(
        b"unreadable", b"?"
    ),
    "a nest": b"[" * 100_000,
}


class UnreadableDeadLettersContract:
    """Files and objects among the dead letters that cannot be read. Override both fixtures."""

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def write_content(self) -> WriteContent:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def stored(self, dead_letters: DeadLetters) -> tuple[DeadLetter, ...]:
        """A dead letter from before ``NOW``, and two from after it."""
        stored = tuple(
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in (-1, 1, 2)
        )
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        return stored

    @pytest.mark.parametrize(
        "content", UNREADABLE_DEAD_LETTERS.values(), ids=UNREADABLE_DEAD_LETTERS
    )
    def test_unreadable_dead_letter_is_reported_and_the_others_are_listed(
        self,
        dead_letters: DeadLetters,
        write_content: WriteContent,
        stored: tuple[DeadLetter, ...],
        content: bytes,
    ) -> None:
        write_content("note", content)
        reported: list[str] = []
        assert tuple(dead_letters.each_dead_letter(unreadable=reported.append)) == stored
        (place,) = reported
        assert "dead-letters/note" in place

    def test_iteration_reports_an_unreadable_dead_letter_once_at_its_position(
        self, dead_letters: DeadLetters, write_content: WriteContent, stored: tuple[DeadLetter, ...]
    ) -> None:
        write_content("note", b"{}")
        reported: list[str] = []
        each = dead_letters.each_dead_letter(unreadable=reported.append)
        assert (next(each), reported) == (stored[0], [])
        assert tuple(each) == stored[1:]
        (place,) = reported
        assert "dead-letters/note" in place

    def test_deleting_by_age_deletes_an_unreadable_dead_letter(
        self, dead_letters: DeadLetters, write_content: WriteContent, stored: tuple[DeadLetter, ...]
    ) -> None:
        write_content("note", b"{}")
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=1))) == 2
        reported: list[str] = []
        assert tuple(dead_letters.each_dead_letter(unreadable=reported.append)) == stored[1:]
        assert reported == []

    def test_unreadable_dead_letter_raises_an_error_when_read_and_can_be_deleted(
        self, dead_letters: DeadLetters, write_content: WriteContent
    ) -> None:
        write_content("note", b"{}")
        with pytest.raises(BrokenDeadLetterError, match="dead-letters/note"):
            dead_letters.get("note")
        assert dead_letters.delete("note")
