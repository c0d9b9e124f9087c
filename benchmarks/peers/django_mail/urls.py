"""Where SendGrid posts."""

from anymail.webhooks.sendgrid import SendGridInboundWebhookView
from django.urls import path

urlpatterns = [path("webhooks/email", SendGridInboundWebhookView.as_view())]
