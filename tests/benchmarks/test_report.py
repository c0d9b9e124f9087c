"""The page of the measurements shows what was measured."""

import re

import pytest

from benchmarks.report import README, figures_of, lines
from benchmarks.results import BEFORE, FOLDER, RESULTS, Results, read_results
from benchmarks.targets import TARGETS, Target

MOST_BYTES = 200_000


def results(**figures: list[float]) -> Results:
    return Results("2026-01-01", {"cores": "2"}, dict(figures))


def test_page_shows_the_stored_figures() -> None:
    stored = read_results(RESULTS)
    assert stored is not None
    assert figures_of() == "\n".join(lines(stored, read_results(BEFORE))).strip()


def test_each_picture_is_there_and_small() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README.read_text("utf-8"))
    assert len(pictures) > 3
    assert [name for name in pictures if (FOLDER / name).stat().st_size > MOST_BYTES] == []


@pytest.mark.parametrize(
    ("median", "verdict"),
    [
        (6.0, "met, as wanted"),
        (4.0, "met, wanted: 1.2 × too little"),
        (0.75, "**missed**: 4 × too little"),
    ],
)
def test_missed_target_says_by_how_much(median: float, verdict: str) -> None:
    assert Target("rate", "rate", "at least", 3, 5, "×").verdict(median) == verdict


def test_figure_may_pass_its_limit_by_the_noise_that_is_known() -> None:
    growth = Target("growth", "growth", "at most", 1, slack=0.2)
    assert (growth.verdict(1.15), growth.verdict(1.5)) == ("met", "**missed**: 1.5 × too much")


def test_before_and_limits_stand_beside_each_figure() -> None:
    told = "\n".join(lines(results(rate_against_flask=[3.4, 3.5, 4.0]), results()))
    row = "| | **3.5 ×** | 3.4 to 4 | ≥ 3 × | ≥ 5 × | met, wanted: 1.4 × too little |"
    assert row in told.replace("|  |", "| |")


def test_no_two_targets_are_of_one_figure() -> None:
    assert len({target.figure for target in TARGETS}) == len(TARGETS)
