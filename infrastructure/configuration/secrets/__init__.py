"""Where secrets come from, and how long they are cached."""
