"""Tests of the blobs adapters: one contract each, one subclass for each backend."""
