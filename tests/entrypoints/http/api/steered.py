"""What happens at a front desk that programs steer."""

from typing import Any

from domain.channels import ChannelType
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api

CUSTOMER = "+14155550123"
NEW = {"channel": "sms", "sender": CUSTOMER, "recipient": "+15005550006"}


def opened(api: Api, **changes: object) -> tuple[str, dict[str, Any]]:
    """The path and the record of a new conversation."""
    response = api.call("POST", "/v1/conversations", {**NEW, **changes})
    assert response.status == 201
    record = response.json()
    path = f"/v1/conversations/{record['primary_channel']}/{record['conversation_id']}"
    assert api.get(path) == record
    return path, record


def received(api: Api, channel: ChannelType = SMS, **wanted: Any) -> None:
    desk = api.frontdesk
    wanted = {"sender": CUSTOMER, "recipient": "+15005550006", **wanted}
    assert desk.post(desk.webhook(channel, **wanted)).status == 200
