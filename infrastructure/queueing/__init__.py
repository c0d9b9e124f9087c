"""Where context objects wait for consumers: one file per backend."""
