"""What became of a message, and why the signature of a webhook is refused."""
