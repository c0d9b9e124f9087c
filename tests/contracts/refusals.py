"""The contract of ``Refusals``."""

from datetime import timedelta

import pytest

from application.ports.refusals import Refusal, Refusals
from domain.channels import ChannelType
from tests.builders import NOW
from tests.contracts.context_queue import ManualClock
from tests.contracts.diagnosed_refusals import DiagnosedRefusalsContract, Diagnoser

SMS, EMAIL = ChannelType.SMS, ChannelType.EMAIL
FORGED, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
MISMATCH = "signature_mismatch"
URL = "https://hooks.example.com/webhooks/sms"


class RefusalsContract(DiagnosedRefusalsContract):
    """Equal refusals are one entry, and no account can push out another. Override ``refusals``."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def refusals(self, clock: ManualClock, diagnoser: Diagnoser) -> Refusals:
        raise NotImplementedError("a backend provides it")

    def test_nothing_is_known_at_first(self, refusals: Refusals) -> None:
        assert refusals.latest() == ()
        assert refusals.notice() is None

    def test_refusal_is_remembered_with_its_time(self, refusals: Refusals) -> None:
        refusals.add(SMS, FORGED, MISMATCH, URL)
        assert refusals.latest() == (Refusal(SMS, FORGED, MISMATCH, URL, 1, NOW, NOW),)

    def test_equal_refusals_are_one_entry_with_a_count(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        for _ in range(3):
            refusals.add(SMS, FORGED, MISMATCH, URL)
            clock.advance(seconds=60)
        last_at = NOW + timedelta(seconds=120)
        assert refusals.latest() == (Refusal(SMS, FORGED, MISMATCH, URL, 3, NOW, last_at),)

    def test_other_channel_account_reason_and_url_are_other_entries(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        keys = [
            (SMS, FORGED, MISMATCH, URL),
            (ChannelType.WHATSAPP, FORGED, MISMATCH, URL),
            (SMS, OTHER, MISMATCH, URL),
            (SMS, FORGED, "signature_missing", URL),
            (SMS, FORGED, MISMATCH, f"{URL}/"),
            (EMAIL, "sendgrid", "timestamp_outside_tolerance", ""),
            (SMS, "", "account_unknown", ""),
            (SMS, "", "too_large", ""),
            (None, "", "path_unknown", ""),
        ]
        for key in keys:
            refusals.add(*key)
            clock.advance(seconds=1)
        found = refusals.latest()
        assert [(one.channel, one.account, one.reason, one.tried_urls) for one in found] == [
            *reversed(keys)
        ]

    def test_urls_are_cut_and_made_printable(self, refusals: Refusals) -> None:
        refusals.add(SMS, FORGED, MISMATCH, "https://h\x1b[2J\0\u202e/" + "é" * 1000)
        (found,) = refusals.latest()
        assert len(found.tried_urls) == 300
        assert found.tried_urls.isprintable()
        assert found.tried_urls.startswith("https://h\N{REPLACEMENT CHARACTER}[2J")

    @pytest.mark.parametrize("character", ["a", "é", "漢", "\N{PILE OF POO}"])
    def test_longest_account_and_urls_are_one_entry(
        self, refusals: Refusals, character: str
    ) -> None:
        for _ in range(2):
            refusals.add(EMAIL, character * 5000, MISMATCH, character * 5000)
        (found,) = refusals.latest()
        assert found.count == 2
        assert found.account.startswith(character * 200)

    def test_account_gets_twenty_new_entries_a_minute(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        for number in range(1000):
            refusals.add(SMS, FORGED, MISMATCH, f"{URL}/{number}")
        found = refusals.latest()
        assert len(found) == 21
        (rest,) = (one for one in found if not one.tried_urls)
        assert (rest.channel, rest.account, rest.reason, rest.count) == (SMS, FORGED, MISMATCH, 980)
        clock.advance(seconds=60)
        refusals.add(SMS, FORGED, MISMATCH, f"{URL}/new")
        assert refusals.latest()[0].tried_urls == f"{URL}/new"

    def test_forger_at_the_limit_does_not_limit_what_is_known_nor_other_accounts(
        self, refusals: Refusals
    ) -> None:
        refusals.add(SMS, FORGED, MISMATCH, URL)
        for number in range(100):
            refusals.add(SMS, FORGED, MISMATCH, f"{URL}/{number}")
        refusals.add(SMS, FORGED, MISMATCH, URL)
        refusals.add(SMS, OTHER, MISMATCH, URL)
        counts = {one.account: one.count for one in refusals.latest() if one.tried_urls == URL}
        assert counts == {FORGED: 2, OTHER: 1}

    def test_full_of_one_account_the_oldest_of_that_account_makes_room(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        refusals.add(SMS, OTHER, MISMATCH, URL)
        refusals.add(SMS, FORGED, "signature_missing", URL)
        for number in range(510):
            clock.advance(seconds=4)
            refusals.add(SMS, FORGED, MISMATCH, f"{URL}/{number}")
            if number % 100 == 0:
                refusals.latest()
        found = refusals.latest()
        assert len(found) == 500
        assert found[0].tried_urls == f"{URL}/509"
        assert [one.account for one in found].count(OTHER) == 1
        assert "signature_missing" not in {one.reason for one in found}

    def test_clock_that_was_set_back_keeps_first_and_last_in_order(
        self, refusals: Refusals, clock: ManualClock
    ) -> None:
        refusals.add(SMS, FORGED, MISMATCH, URL)
        clock.advance(seconds=-3600)
        refusals.add(SMS, FORGED, MISMATCH, URL)
        (found,) = refusals.latest()
        assert found.first_at <= found.last_at == NOW - timedelta(hours=1)
