"""The channel that a path names, and the rules of each channel."""

import pytest

from domain.addresses import Address, normal_recipient
from domain.channels import AddressKind, ChannelType, channel_in_path
from domain.errors import UnsupportedChannelError

SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("/webhooks/sms", SMS),
        ("/prod/v1/Webhooks/SMS", SMS),
        ("/webhooks/whatsapp/", WHATSAPP),
        ("/sms/webhooks/email", EMAIL),
        ("/email/callback", EMAIL),
    ],
)
def test_last_path_segment_that_names_a_channel_decides_the_channel(
    path: str, channel: ChannelType
) -> None:
    assert channel_in_path(path) is channel


@pytest.mark.parametrize("path", ["", "/", "/smsx", "/webhooks", "/s%6ds", "/web/emails"])
def test_a_path_without_a_channel_is_unsupported(path: str) -> None:
    with pytest.raises(UnsupportedChannelError):
        channel_in_path(path)


@pytest.mark.parametrize("channel", ChannelType)
def test_example_addresses_of_a_channel_are_valid_for_the_channel(channel: ChannelType) -> None:
    rules = channel.rules
    for example in (rules.example_sender, rules.example_recipient):
        address = Address.parse(channel, example)
        assert address.value == example
        assert address.kind is not AddressKind.OTHER
    assert normal_recipient(rules.example_recipient) == rules.example_recipient
