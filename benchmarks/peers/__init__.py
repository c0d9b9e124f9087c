"""What Frontdesk is compared with: programs as teams write and run them."""
