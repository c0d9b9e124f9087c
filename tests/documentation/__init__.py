"""The documentation holds: its commands, its code and its tables are tried."""
