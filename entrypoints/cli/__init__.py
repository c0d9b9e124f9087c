"""The ``frontdesk`` command."""
