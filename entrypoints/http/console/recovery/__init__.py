"""Dead letters and unmatched messages, and what operators do with them."""
