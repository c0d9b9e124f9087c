"""Frontdesk from outside."""
