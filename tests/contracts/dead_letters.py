"""What every keeper of dead letters promises."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from application.ports.channels import WebhookRequest
from application.ports.files import DeadLetter, DeadLetterKind, DeadLetters
from tests.builders import ACCOUNT, NOW
from tests.contracts.concurrency import at_once

REQUEST = WebhookRequest(
    method="POST",
    url="https://example.com/webhooks/sms?a=1&b=%20",
    headers=(("content-type", "text/plain"), ("x-twice", "ü"), ("x-twice", "2")),
    body=b"\x00\xff binary \r\n",
    received_at=NOW,
)


def a_letter(letter_id: str = "unreadable-1", **changes: Any) -> DeadLetter:
    """A letter of ``NOW``."""
    letter = DeadLetter(
        letter_id=letter_id,
        kind=DeadLetterKind.UNREADABLE,
        reason="the form has no MessageSid",
        account=ACCOUNT,
        request=REQUEST,
        attempts=1,
        created_at=NOW + timedelta(microseconds=1),
    )
    return replace(letter, **changes)


class DeadLettersContract:
    """Requests that wait for somebody's help. A backend overrides ``dead_letters``."""

    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError("a backend provides it")

    @pytest.mark.parametrize("kind", list(DeadLetterKind))
    def test_a_letter_comes_out_as_it_went_in(
        self, dead_letters: DeadLetters, kind: DeadLetterKind
    ) -> None:
        letter = a_letter(kind=kind, attempts=3)
        dead_letters.keep(letter)
        assert dead_letters.list_letters(10) == (letter,)

    def test_there_are_none_at_first(self, dead_letters: DeadLetters) -> None:
        assert dead_letters.list_letters(10) == ()

    def test_the_oldest_come_first_up_to_the_limit(self, dead_letters: DeadLetters) -> None:
        letters = [a_letter(f"bug-{n}", created_at=NOW + timedelta(seconds=n)) for n in range(4)]
        for number in (2, 0, 3, 1):
            dead_letters.keep(letters[number])
        assert dead_letters.list_letters(3) == tuple(letters[:3])

    def test_a_letter_is_kept_once(self, dead_letters: DeadLetters) -> None:
        dead_letters.keep(a_letter())
        dead_letters.keep(a_letter(created_at=NOW + timedelta(hours=1)))
        assert dead_letters.list_letters(10) == (a_letter(),)

    def test_of_many_letters_at_once_none_is_lost(self, dead_letters: DeadLetters) -> None:
        letters = [a_letter(f"bug-{number}") for number in range(16)]
        at_once(partial(dead_letters.keep, letter) for letter in letters)
        kept = {letter.letter_id for letter in dead_letters.list_letters(100)}
        assert kept == {letter.letter_id for letter in letters}

    @pytest.mark.parametrize("letter_id", ["", "../a", "a.json", "a b"])
    def test_an_id_that_nobody_generated_is_refused(
        self, dead_letters: DeadLetters, letter_id: str
    ) -> None:
        with pytest.raises(ValueError, match="a key has"):
            dead_letters.keep(a_letter(letter_id))
