"""The sender values by which conversations are found, the same for every backend."""

from collections.abc import Iterable

from domain.addresses import ChannelType, normal_value


def normal_senders(channel: ChannelType, texts: Iterable[str | None]) -> tuple[str, ...]:
    """``texts`` as normalised addresses, without repetitions and gaps, in the same order."""
    return tuple(dict.fromkeys(normal_value(channel, text) for text in texts if text))
