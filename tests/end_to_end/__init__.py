"""The complete application over real HTTP, as an operator runs it."""
