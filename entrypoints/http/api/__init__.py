"""The HTTP API under ``/v1``, and who may use it."""
