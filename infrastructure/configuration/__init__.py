"""Settings, tenants, secrets and the log format."""
