"""Requests that tools have recorded, read from what these tools write."""
