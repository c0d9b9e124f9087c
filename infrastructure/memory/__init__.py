"""Adapters in memory: for unit tests and ``serve --ephemeral``."""
