"""Tests of the spools: one contract, one subclass for each backend."""
