"""Tests of the ``frontdesk`` command."""
