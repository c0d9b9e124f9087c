"""Tests of the queueing adapters: one contract each, one subclass for each backend."""
