"""A mail, its files, and what is done when one comes in."""

import logging

from anymail.signals import AnymailInboundEvent, inbound
from django.db import IntegrityError, models, transaction
from django.dispatch import receiver

logger = logging.getLogger(__name__)


class Mail(models.Model):
    """One mail. Its Message-ID makes a repeat a violation of the unique key."""

    message_id = models.CharField(max_length=998, unique=True)
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Where it is stored."""

        app_label = "django_mail"


class Attachment(models.Model):
    """One file of a mail."""

    mail = models.ForeignKey(Mail, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=255)
    content = models.BinaryField()

    class Meta:
        """Where it is stored."""

        app_label = "django_mail"


@receiver(inbound)
def store_mail(event: AnymailInboundEvent, **_more: object) -> None:
    """Store a mail with its files, in one transaction."""
    message = event.message
    try:
        with transaction.atomic():
            mail = Mail.objects.create(
                message_id=message["Message-ID"],
                sender=message.from_email.addr_spec,
                recipient=message.envelope_recipient or message.to[0].addr_spec,
                subject=message.subject or "",
                text=message.text or "",
                html=message.html or "",
            )
            for file in message.attachments:
                Attachment.objects.create(
                    mail=mail,
                    name=file.get_filename() or "file",
                    content_type=file.get_content_type(),
                    content=file.get_content_bytes(),
                )
        logger.info("mail %s stored", mail.pk)
    except IntegrityError:
        logger.info("a duplicate")
