"""Tests of the Twilio channel: payload files, signatures, fallbacks."""
