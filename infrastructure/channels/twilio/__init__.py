"""Twilio: WhatsApp and SMS by webhook, automatic answers by its REST API."""
