"""The console: pages for a browser."""
