"""Twilio's webhooks as messages: WhatsApp, SMS and MMS.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request
"""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookRequest,
    WebhookResponse,
)
from domain.addresses import Address
from domain.channels import ChannelType
from domain.errors import InvalidAddressError, UnreadableMessageError
from domain.messages import InboundMessage, Metadata, Recipient
from infrastructure.channels.provider import Accounts
from infrastructure.channels.twilio.metadata import attachments_of, metadata_of
from infrastructure.channels.twilio.regrouping import is_regrouping_suspected
from infrastructure.channels.twilio.verification import (
    MAX_BODY_BYTES,
    Form,
    check_size,
    decode_form,
    verify,
)

EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""No reply. https://www.twilio.com/docs/messaging/twiml"""

_NOTHING_TO_SAY = WebhookResponse(200, EMPTY_TWIML, "text/xml")

_WHATSAPP_SCHEME = "whatsapp:"
_NUMBER_AND_MORE = re.compile(r"\+[1-9][0-9]{6,14}[A-Za-z]")
_WA_ID = re.compile(r"[0-9]{6,15}")

_MESSAGE_PREFIXES = ("SM", "MM")
_STATUS_FIELDS = ("MessageStatus", "SmsStatus")
_CALLBACK_STATUSES = frozenset(
    {
        *("accepted", "scheduled", "queued", "sending", "sent", "delivered", "undelivered"),
        *("failed", "read", "canceled", "partially_delivered"),
    }
)
"""What becomes of a message that was sent; one that comes in is ``received``, or says nothing.

Source: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
"""
_EVENT_FIELDS = ("CallSid", "UsageTriggerSid", "PayloadType")
"""Each tells that an event is one of a call, of the usage or of the debugger."""

_CONTENT_FIELDS = ("Body", "MessageBody", "Media")
"""What somebody wrote or sent, under the names of messages and of Twilio Conversations."""

_CONVERSATION_EVENT = re.compile(r"on(?!Message)[A-Z][A-Za-z]+")
"""The type of an event of Twilio Conversations that brings no text of anybody.

Source: https://www.twilio.com/docs/conversations/conversations-webhooks
"""

# The longest address, its scheme and room for blanks: what may not grow a context for ever.
_ADDRESS_TEXT = re.compile(r".{1,400}", re.DOTALL)

_MANDATORY_FIELDS: Final = {
    "MessageSid": re.compile(r"(SM|MM)[0-9a-fA-F]{32}"),
    "AccountSid": re.compile(r"AC[0-9a-fA-F]{32}"),
    "From": _ADDRESS_TEXT,
    "To": _ADDRESS_TEXT,
}
"""The fields without which a form is no message, each of which occurs exactly once.

Ids have their form: who posts a captured message again must not be able to give it another id.
"""


@dataclass(frozen=True)
class TwilioWebhookParser(WebhookParser):
    """Reads Twilio's message webhooks. ``accounts`` are asked for at every request."""

    channel: ChannelType
    accounts: Accounts
    max_body_bytes: int = MAX_BODY_BYTES
    signs_each: bool = True

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        """``request`` with the AccountSid whose token signed it; errors as the port has them."""
        check_size(request, self.max_body_bytes)
        account, form, url, text = verify(request, self.accounts().twilio)
        if request.other_urls:
            request = replace(request, url=url, other_urls=())
        return VerifiedWebhook.signed(self.channel, account, request, text.encode(), decoded=form)

    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        """The one message in ``webhook``; none if it tells of something else.

        Raises ``UnreadableMessageError``, which names the field at fault but no value.
        """
        form = _form_of(webhook)
        if _is_status_callback(form) or _is_other_event(form):
            return ()
        _check_mandatory_fields(form)
        if form.only("AccountSid") != webhook.account:
            raise UnreadableMessageError("AccountSid is not the account that signed")
        return (ParsedMessage(_message(webhook.request, form)),)

    def respond(self) -> WebhookResponse:
        """Empty TwiML: received, and nothing to say."""
        return _NOTHING_TO_SAY


def _form_of(webhook: VerifiedWebhook) -> Form:
    """Decoded by the verification, unless the webhook was read back from a store."""
    if isinstance(webhook.decoded, Form):
        return webhook.decoded
    try:
        return decode_form(webhook.request.body)
    except ValueError as error:
        raise UnreadableMessageError("the body is not a form in UTF-8") from error


def _is_status_callback(form: Form) -> bool:
    statuses = (status for name in _STATUS_FIELDS for status in form.getall(name))
    return not _CALLBACK_STATUSES.isdisjoint(statuses)


def _is_other_event(form: Form) -> bool:
    """Whether ``form`` tells of something that is no message, like a call to the same number.

    A form with an id of a message, or with a text, is never one of them. A conversation that a
    message begins may bring that message along.
    """
    message_id = form.first("MessageSid") or ""
    if message_id.startswith(_MESSAGE_PREFIXES) or any(map(form.first, _CONTENT_FIELDS)):
        return False
    event_type = form.first("EventType") or ""
    return any(map(form.first, _EVENT_FIELDS)) or bool(_CONVERSATION_EVENT.fullmatch(event_type))


def _check_mandatory_fields(form: Form) -> None:
    """Raise ``UnreadableMessageError`` that names the fields at fault; never a value."""
    problems: list[str] = []
    for name, pattern in _MANDATORY_FIELDS.items():
        values = form.getall(name)
        if len(values) != 1:
            problems.append(f"{name} is {'repeated' if values else 'missing'}")
        elif not pattern.fullmatch(values[0]):
            problems.append(f"{name} is ill-formed")
    if problems:
        raise UnreadableMessageError(", ".join(problems))


def _message(request: WebhookRequest, form: Form) -> InboundMessage:
    """The message in ``form``. Of a repeated optional field it takes the first."""
    given = {name: form.fields[name][0] for name in _MANDATORY_FIELDS}
    channel = _channel_of(given["From"])
    sender = _address(channel, "From", given["From"])
    recipient = _address(channel, "To", given["To"])
    service = form.first("MessagingServiceSid")
    is_of_service = service is not None and _is_service(channel, service)
    # A regrouped address may look like one that nobody knows: both go to a human.
    is_odd = bool(service and not is_of_service) or not (
        sender.is_of_known_form and recipient.is_of_known_form
    )
    keys = (recipient.value, service) if service and is_of_service else (recipient.value,)
    return InboundMessage(
        channel=channel,
        account=given["AccountSid"],
        provider_message_id=given["MessageSid"],
        sender=sender,
        sender_verbatim=given["From"],
        identities=_identities(sender, form),
        recipient=Recipient(given["To"], recipient.value, keys),
        body=form.first("Body") or "",
        received_at=request.received_at,
        attachments=attachments_of(form),
        metadata=_metadata(form, is_odd=is_odd or is_regrouping_suspected(form, request.url)),
        opt_out_type=form.first("OptOutType"),
    )


def _metadata(form: Form, *, is_odd: bool) -> Metadata:
    return {**metadata_of(form), **({"regrouping_suspected": True} if is_odd else {})}


def _channel_of(sender: str) -> ChannelType:
    """``From`` decides, whatever the path said. Other schemes (``rcs:``) ride on SMS."""
    is_whatsapp = sender.lower().startswith(_WHATSAPP_SCHEME)
    return ChannelType.WHATSAPP if is_whatsapp else ChannelType.SMS


def _address(channel: ChannelType, name: str, text: str) -> Address:
    """An address of whatever form: a phone company may well send what no standard knows.

    Only a number with a name behind it is none. That is regrouped: ``From=+1FromCityX``.
    """
    with suppress(InvalidAddressError):
        return Address.parse(channel, text)
    try:
        address = Address.uninterpreted(channel, text)
    except InvalidAddressError as error:
        raise UnreadableMessageError(f"{name} is not an address") from error
    if _NUMBER_AND_MORE.match(address.value):
        raise UnreadableMessageError(f"{name} is not an address")
    return address


def _identities(sender: Address, form: Form) -> tuple[Address, ...]:
    """Who the sender is, best first: WhatsApp user id, ``From``, the number of ``WaId``.

    A WhatsApp user may hide the number (``From`` is then the user id, and ``WaId`` may be
    absent) or change it; and ``WaId`` may write the same number differently. The parent id is
    the one that the user has towards all numbers of a company.
    """
    if sender.channel is not ChannelType.WHATSAPP:
        return (sender,)
    user_id = _address_if_any(form.first("ExternalUserId"))
    wa_id = form.first("WaId")
    phone = _address_if_any(f"+{wa_id}" if wa_id and _WA_ID.fullmatch(wa_id) else None)
    parent = _address_if_any(form.first("ParentExternalUserId"))
    return tuple(dict.fromkeys(filter(None, (user_id, sender, phone, parent))))


def _address_if_any(text: str | None) -> Address | None:
    """An alias that cannot be read is no reason to lose the message."""
    try:
        return Address.parse(ChannelType.WHATSAPP, text) if text else None
    except InvalidAddressError:
        return None


def _is_service(channel: ChannelType, text: str) -> bool:
    pattern = channel.rules.service_pattern
    return pattern is not None and pattern.fullmatch(text) is not None
