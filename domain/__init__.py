"""The rules of the front door: standard library only, no input or output."""
