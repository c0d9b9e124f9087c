"""Who may: tokens, sessions, origins, and the limits of what is no webhook."""
