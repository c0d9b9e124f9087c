"""The tests of each port's contract: every backend inherits them and overrides its fixtures."""

import pytest

# These modules are not named like tests, so pytest would not explain their assertions.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "fallback_throttle",
            "blob_store",
            "context_queue",
            "conversation_changes",
            "conversation_store",
            "dead_letters",
            "erasure",
            "message_lists",
            "message_store",
            "spool",
            "legacy_histories",
            "webhook_parser",
        )
    )
)
