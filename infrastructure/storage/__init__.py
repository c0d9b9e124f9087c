"""Where conversations, messages and claims are kept: one file per backend."""
