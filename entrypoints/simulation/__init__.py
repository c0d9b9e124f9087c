"""What plays the providers: for ``frontdesk send`` and the console's simulator."""
