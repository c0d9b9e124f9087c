"""The responses that providers receive, byte for byte."""

import pytest

from domain.channels import ChannelType

SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL
TWIML = (200, "text/xml", b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>')
SUCCESS = (200, "application/json", b'{"success": true}')
ACKNOWLEDGED = {SMS: TWIML, WHATSAPP: TWIML, EMAIL: SUCCESS}


def _error(status: int, message: str) -> tuple[int, str, bytes]:
    return status, "application/json", b'{"error": "%s"}' % message.encode()


INVALID_SIGNATURE = _error(401, "Invalid signature")
UNSUPPORTED_CHANNEL = _error(404, "Unsupported channel")
METHOD_NOT_ALLOWED = _error(405, "Method not allowed")
TOO_LARGE = _error(413, "Payload too large")
INTERNAL_ERROR = _error(500, "Internal server error")
UNAVAILABLE = _error(503, "Temporarily unavailable")

every_channel = pytest.mark.parametrize("channel", ChannelType)
