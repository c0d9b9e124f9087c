"""The way of a webhook: verify, record, route, spool, dead-letter."""
