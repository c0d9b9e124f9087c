"""The figures that the documents name are those of the code."""

from datetime import timedelta

import pytest

from application.clock import WEBHOOK_BUDGET_SECONDS
from application.privacy.purge_expired import (
    BLOBS_OUTLIVE,
    TEMPORARY_FILES_STALE_AFTER,
    RetentionTimes,
)
from application.recovery import drain_spool
from domain import messages
from entrypoints.http.limits.connection_limits import MAX_CONNECTIONS
from entrypoints.http.limits.readiness import MAX_AGE_SECONDS
from entrypoints.http.shutdown import END_SECONDS
from entrypoints.http.webhooks.endpoint import LARGE_BODIES_AT_ONCE, SPOOL_THREADS
from infrastructure.configuration.secrets import cached_value
from infrastructure.sqlite.database import OLDEST_SQLITE
from tests.documentation.documents import cells, text_of

WORDS = {4: "four"}


def minutes(time: timedelta) -> int:
    return int(time / timedelta(minutes=1))


SENTENCES = {
    "docs/architecture.md": [f"The webhook has {WEBHOOK_BUDGET_SECONDS:.0f} seconds"],
    "docs/adding-a-backend.md": [
        f"a webhook has {WEBHOOK_BUDGET_SECONDS:.0f} seconds for store and queue",
        f"{SPOOL_THREADS} more spool them",
    ],
    "docs/operations.md": [
        f"after {drain_spool.FIRST_DELAY.seconds} seconds, then later and later, "
        f"up to every {minutes(drain_spool.LONGEST_DELAY)} minutes",
        f"After {drain_spool.MAX_ATTEMPTS} attempts, which is half a day",
        f"pending for over {messages.STUCK_AFTER.seconds} seconds",
        f"After {messages.MAX_ATTEMPTS} attempts, most of a day",
        f"It reads {WORDS[LARGE_BODIES_AT_ONCE]} bodies of the largest size",
        f"up to {MAX_CONNECTIONS:,} connections",
        f"ends within {END_SECONDS:.0f} seconds",
        f"read again after {minutes(cached_value.MAX_AGE)} minutes",
        f"after {WEBHOOK_BUDGET_SECONDS:.0f} s without the store the webhook is spooled",
    ],
    "docs/settings.md": [f"Secrets are read again every {minutes(cached_value.MAX_AGE)} minutes"],
    "docs/decisions.md": [f"Secrets are cached for {minutes(cached_value.MAX_AGE)} minutes"],
    "README.md": [f"SQLite {'.'.join(map(str, OLDEST_SQLITE[:2]))} or newer"],
}


@pytest.mark.parametrize("document", SENTENCES)
def test_figures_of_a_document_are_those_of_the_code(document: str) -> None:
    text = " ".join(text_of(document).split())
    assert [sentence for sentence in SENTENCES[document] if sentence not in text] == []


def test_retention_times_of_the_page_are_those_of_the_code() -> None:
    table = dict(cells("docs/privacy.md", "## Retention"))
    assert table["messages of unknown senders"] == f"{RetentionTimes().unmatched.days} days"
    assert table["files of webhooks that became no message"].endswith(f"{BLOBS_OUTLIVE.days} days")
    assert timedelta(days=1) == TEMPORARY_FILES_STALE_AFTER
    assert table["stale temporary files"] == "a day"


def test_readiness_is_asked_as_often_as_the_page_says() -> None:
    assert MAX_AGE_SECONDS == 5
    assert "at most every five seconds" in " ".join(text_of("docs/operations.md").split())
