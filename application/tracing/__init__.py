"""What became of a message: where it is, since when, and what to do."""
