"""The way of a message as a picture."""
