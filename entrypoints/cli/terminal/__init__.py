"""How commands read arguments and print."""
