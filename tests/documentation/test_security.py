"""Every attack of the security page is stopped by something that a test shows."""

import re

from tests.documentation.documents import ROOT, tables, text_of

PAGE = "SECURITY.md"
ROWS = [row for table in tables(PAGE) for row in table]
SECTIONS = (
    "On webhooks",
    "By authors of messages",
    "On the API",
    "By way of an operator's browser",
    "On the console",
    "On the machine and on what is installed",
)


def test_attacks_on_every_part_are_named() -> None:
    assert tuple(re.findall(r"^### (.*)$", text_of(PAGE), re.M)) == SECTIONS
    assert len(tables(PAGE)) == len(SECTIONS)


def test_each_attack_has_a_defence_and_a_test() -> None:
    without = []
    for attack, defence, shown_by in ROWS:
        tests = re.findall(r"`(tests/[\w/.]+)`", shown_by)
        if not defence or not tests or not all((ROOT / test).exists() for test in tests):
            without.append(attack)
    assert without == []
