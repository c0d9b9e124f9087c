"""What every store of dead letters promises."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.webhook_parser import WebhookRequest
from domain.errors import StorageUnavailableError
from infrastructure.serialization.dead_letter_json import dead_letter_to_json
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
    """A letter of ``NOW``."""
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
    """Requests that wait for somebody's help. A backend overrides ``dead_letters``."""

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("a backend provides it")

    @pytest.mark.parametrize("kind", list(DeadLetterKind))
    def test_a_dead_letter_comes_out_as_it_went_in(
        self, dead_letters: DeadLetters, kind: DeadLetterKind
    ) -> None:
        dead_letter = a_dead_letter(kind=kind, attempts=3)
        dead_letters.store(dead_letter)
        assert tuple(dead_letters.each_dead_letter()) == (dead_letter,)

    def test_a_dead_letter_may_tell_of_a_message_instead_of_a_request(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letter = a_dead_letter(request=None, request_id="0" * 64)
        dead_letters.store(dead_letter)
        assert dead_letters.get(dead_letter.dead_letter_id) == dead_letter

    def test_there_are_none_at_first(self, dead_letters: DeadLetters) -> None:
        assert tuple(dead_letters.each_dead_letter()) == ()
        assert dead_letters.get("unreadable-1") is None

    def test_a_dead_letter_is_kept_once(self, dead_letters: DeadLetters) -> None:
        dead_letters.store(a_dead_letter())
        dead_letters.store(a_dead_letter(created_at=NOW + timedelta(hours=1)))
        assert tuple(dead_letters.each_dead_letter()) == (a_dead_letter(),)
        assert dead_letters.get("unreadable-1") == a_dead_letter()

    def test_each_dead_letter_comes_in_its_turn_whatever_becomes_of_those_before(
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

    def test_a_dead_letter_is_read_when_its_turn_comes(self, dead_letters: DeadLetters) -> None:
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

    def test_a_dead_letter_is_found_by_its_whole_id(self, dead_letters: DeadLetters) -> None:
        dead_letters.store(a_dead_letter("bug-10"))
        assert dead_letters.get("bug-1") is None
        assert not dead_letters.delete("bug-1")
        assert dead_letters.get("bug-10") == a_dead_letter("bug-10")

    def test_what_is_deleted_is_gone_and_can_be_kept_again(self, dead_letters: DeadLetters) -> None:
        dead_letters.store(a_dead_letter())
        dead_letters.store(a_dead_letter(created_at=NOW + timedelta(hours=1)))
        dead_letters.store(a_dead_letter("bug-1"))
        assert dead_letters.delete("unreadable-1")
        assert not dead_letters.delete("unreadable-1")
        assert tuple(dead_letters.each_dead_letter()) == (a_dead_letter("bug-1"),)
        dead_letters.store(a_dead_letter(attempts=2))
        assert dead_letters.get("unreadable-1") == a_dead_letter(attempts=2)

    def test_a_dead_letter_is_replaced_in_its_place(self, dead_letters: DeadLetters) -> None:
        younger = a_dead_letter("bug-1", created_at=NOW + timedelta(seconds=1))
        dead_letters.store(a_dead_letter())
        dead_letters.store(younger)
        changed = a_dead_letter(attempts=2, reason="another one")
        assert dead_letters.replace(changed)
        assert tuple(dead_letters.each_dead_letter()) == (changed, younger)

    def test_what_is_not_there_is_not_replaced(self, dead_letters: DeadLetters) -> None:
        assert not dead_letters.replace(a_dead_letter())
        assert tuple(dead_letters.each_dead_letter()) == ()

    def test_dead_letters_go_by_their_age(self, dead_letters: DeadLetters) -> None:
        stored = [
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in range(4)
        ]
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=2))) == 2
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=2))) == 0
        assert tuple(dead_letters.each_dead_letter()) == tuple(stored[2:])

    def test_of_many_who_delete_a_dead_letter_at_once_none_fails(
        self, dead_letters: DeadLetters
    ) -> None:
        dead_letters.store(a_dead_letter())
        assert True in at_once([partial(dead_letters.delete, "unreadable-1")] * 8)
        assert tuple(dead_letters.each_dead_letter()) == ()

    def test_of_many_dead_letters_at_once_none_is_lost(self, dead_letters: DeadLetters) -> None:
        stored = [a_dead_letter(f"bug-{number}") for number in range(16)]
        at_once(partial(dead_letters.store, dead_letter) for dead_letter in stored)
        retained = {dead_letter.dead_letter_id for dead_letter in dead_letters.each_dead_letter()}
        assert retained == {dead_letter.dead_letter_id for dead_letter in stored}

    @pytest.mark.parametrize("dead_letter_id", ["", "../a", "a.json", "a b"])
    def test_an_id_that_nobody_generated_is_refused(
        self, dead_letters: DeadLetters, dead_letter_id: str
    ) -> None:
        with pytest.raises(ValueError, match="a key has"):
            dead_letters.store(a_dead_letter(dead_letter_id))
        with pytest.raises(ValueError, match="a key has"):
            dead_letters.replace(a_dead_letter(dead_letter_id))

    @pytest.mark.parametrize("dead_letter_id", ["", "../a", "a.json", "a b", "a/../b", "\0"])
    def test_what_cannot_be_an_id_is_nobodys(
        self, dead_letters: DeadLetters, dead_letter_id: str
    ) -> None:
        dead_letters.store(a_dead_letter("a"))
        assert dead_letters.get(dead_letter_id) is None
        assert not dead_letters.delete(dead_letter_id)
        assert dead_letters.get("a") == a_dead_letter("a")


Plant = Callable[[str, bytes], None]
"""Puts a content where the letter with an id, created at ``NOW``, would be."""

NO_DEAD_LETTERS = {
    "nothing": b"",
    "another document": b"{}",
    "a letter that was cut off": dead_letter_to_json(a_dead_letter("note"))[:-20],
    "a letter of another id": dead_letter_to_json(a_dead_letter("bug-1")),
    "a letter of no kind": dead_letter_to_json(a_dead_letter("note")).replace(b"unreadable", b"?"),
    "a nest": b"[" * 100_000,
}


class BrokenDeadLettersContract:
    """What lies among the stored and is none. A backend overrides both fixtures."""

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def plant(self) -> Plant:
        raise NotImplementedError("a backend provides it")

    @pytest.fixture
    def stored(self, dead_letters: DeadLetters) -> tuple[DeadLetter, ...]:
        """One of before ``NOW``, and two of after it."""
        stored = tuple(
            a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in (-1, 1, 2)
        )
        for dead_letter in stored:
            dead_letters.store(dead_letter)
        return stored

    @pytest.mark.parametrize("content", NO_DEAD_LETTERS.values(), ids=NO_DEAD_LETTERS)
    def test_it_is_told_and_the_others_are_listed(
        self,
        dead_letters: DeadLetters,
        plant: Plant,
        stored: tuple[DeadLetter, ...],
        content: bytes,
    ) -> None:
        plant("note", content)
        told: list[str] = []
        assert tuple(dead_letters.each_dead_letter(unreadable=told.append)) == stored
        (place,) = told
        assert "dead-letters/note" in place

    def test_it_is_told_once_in_its_turn(
        self, dead_letters: DeadLetters, plant: Plant, stored: tuple[DeadLetter, ...]
    ) -> None:
        plant("note", b"{}")
        told: list[str] = []
        each = dead_letters.each_dead_letter(unreadable=told.append)
        assert (next(each), told) == (stored[0], [])
        assert tuple(each) == stored[1:]
        (place,) = told
        assert "dead-letters/note" in place

    def test_it_goes_by_its_age(
        self, dead_letters: DeadLetters, plant: Plant, stored: tuple[DeadLetter, ...]
    ) -> None:
        plant("note", b"{}")
        assert sum(dead_letters.delete_older(NOW + timedelta(seconds=1))) == 2
        told: list[str] = []
        assert tuple(dead_letters.each_dead_letter(unreadable=told.append)) == stored[1:]
        assert told == []

    def test_whoever_asks_for_it_is_told_and_can_delete_it(
        self, dead_letters: DeadLetters, plant: Plant
    ) -> None:
        plant("note", b"{}")
        with pytest.raises(StorageUnavailableError, match="note"):
            dead_letters.get("note")
        assert dead_letters.delete("note")
