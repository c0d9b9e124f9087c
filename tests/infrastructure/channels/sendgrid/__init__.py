"""Tests of the SendGrid channel: verification, parsing, limits, fallbacks."""
