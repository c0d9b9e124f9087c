"""Conversations: opened, found, shown with their files, handed off, and migrated."""
