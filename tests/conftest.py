"""Fixtures for every folder."""

pytest_plugins = ["tests.emulators"]
