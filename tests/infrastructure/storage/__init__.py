"""Tests of the storage adapters: one contract each, one subclass for each backend."""
