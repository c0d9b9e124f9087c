"""Conversations: opened, shown, handed off, and migrated from older systems."""
