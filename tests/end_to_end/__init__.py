"""The whole of it, as a user runs it."""
