"""The sender values by which conversations are found, the same for every backend."""

from collections.abc import Iterable

from domain.addresses import Address, ChannelType
from domain.errors import InvalidAddressError


def normal_senders(channel: ChannelType, texts: Iterable[str | None]) -> tuple[str, ...]:
    """``texts`` as normalised addresses, without repetitions and gaps, in the same order.

    Other systems write sender ids with a scheme or in another case. What cannot be an
    address stays as it is.
    """
    return tuple(dict.fromkeys(_normal(channel, text) for text in texts if text))


def _normal(channel: ChannelType, text: str) -> str:
    try:
        return Address.parse(channel, text).value
    except InvalidAddressError:
        return text
