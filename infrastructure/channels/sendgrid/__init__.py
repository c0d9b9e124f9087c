"""Mail by way of SendGrid: Inbound Parse webhooks in, v3 mail/send out."""
