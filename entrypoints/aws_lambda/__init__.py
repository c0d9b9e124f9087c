"""The Lambda function ``IncomingWebhookHandler``."""
