"""The roles that adapters play, one module each. They promise only what every backend can keep."""
