"""The short way of a webhook through HTTP, before any framework."""
