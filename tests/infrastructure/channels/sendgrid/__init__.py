"""Mail by way of SendGrid, from raw bytes to messages and back."""
