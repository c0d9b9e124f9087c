"""Twilio: WhatsApp and SMS by webhook, fallbacks by its REST API."""
