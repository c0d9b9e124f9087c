"""Where attachments, long bodies and dead letters are kept."""
