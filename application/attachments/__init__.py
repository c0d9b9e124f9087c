"""The files that came with messages: opened for who may see them."""
