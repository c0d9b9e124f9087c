"""What a provider would send: for ``frontdesk send`` and for tests."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """A signed webhook, ready to be posted to ``url`` byte for byte."""

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
