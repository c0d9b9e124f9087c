"""The commands, code and tables of the documentation are correct."""
