"""How the overview shortens what a backend says."""

import pytest

from entrypoints.http.console.overview.causes import short_cause_and_remedy


@pytest.mark.parametrize(
    ("reason", "parts"),
    [
        ("there is no queue sms-replies (AWS.NoQueue). Create it",
         ("there is no queue sms-replies", "Create it")),
        ("python (process 42) locks frontdesk.db: end it",
         ("python (process 42) locks frontdesk.db", "End it")),
        ("the store failed: disk I/O error", ("the store failed: disk I/O error", "")),
    ],
)  # fmt: skip
def test_what_stands_after_a_colon_is_a_remedy_only_where_it_says_what_to_do(
    reason: str, parts: tuple[str, str]
) -> None:
    assert short_cause_and_remedy(reason) == parts
