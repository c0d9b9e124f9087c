"""``frontdesk send``: a webhook as the provider would send it."""
