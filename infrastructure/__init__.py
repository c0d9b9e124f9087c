"""Adapters, grouped by the role they play. Only the container imports them."""
