"""Second chances: the spool, the outbox, dead letters and unmatched messages."""
