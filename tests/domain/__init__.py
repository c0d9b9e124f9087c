"""Tests of the domain's rules, without adapters."""
