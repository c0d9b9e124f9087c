"""Where the secrets of provider accounts come from."""
