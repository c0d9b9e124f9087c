"""The simulator: plays the providers on a developer's machine."""
