"""Where the pages are."""

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
    "/simulator",
)
"""Below each of these the console answers, beside the overview at ``/``."""
