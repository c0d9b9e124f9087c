"""Searches for crashes, led by the code that is reached: ``make fuzz``."""
