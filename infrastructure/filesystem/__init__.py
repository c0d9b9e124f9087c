"""Adapters on the file system: blobs, dead letters, the spool."""
