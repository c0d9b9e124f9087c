"""What it takes to bring Frontdesk to where it runs."""
