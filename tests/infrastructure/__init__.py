"""Adapters against real engines."""
