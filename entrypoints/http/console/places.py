"""Where the pages are."""

SIMULATOR = "/simulator"
"""For development alone."""

PLACES = (
    "/overview",
    "/conversations",
    "/messages",
    "/trace",
    "/unmatched",
    "/dead-letters",
    "/queues",
    "/refusals",
    "/checks",
    "/signature",
    SIMULATOR,
)
"""Below each of these the console answers, beside the overview at ``/``."""
