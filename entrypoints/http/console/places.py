"""Where the pages are."""

PLACES = (
    "/conversations",
    "/messages",
    "/trace",
    "/unmatched",
    "/dead-letters",
    "/queues",
    "/refusals",
    "/checks",
    "/signature",
    "/simulator",
)
"""Below each of these the console answers, beside the overview at ``/``."""
