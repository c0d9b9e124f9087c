"""Queues, refusals, checks and signatures: what operators look at."""
