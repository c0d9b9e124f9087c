"""Tests of the adapters against real engines and emulators."""
