"""Limits of the HTTP server, each with the attack that it answers."""
