"""The rules, without any machinery."""
