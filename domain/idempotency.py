"""Keys and hashes by which a message that comes again is known."""

import hashlib
import json
from collections.abc import Sequence

from domain.addresses import Address

_CHARACTERS_AT_ONCE = 64 * 1024


def request_id_of(parts: Sequence[str]) -> str:
    """The key of a record that is made of ``parts``: a UUID of version 8 (RFC 9562, 5.8).

    Its 122 free bits are the first 122 bits of the parts' hash. The same parts always give
    the same key, so the record can be read without an index.
    """
    free = int(idempotency_hash(parts)[:32], base=16) >> 6
    high, middle, low = free >> 74, free >> 62 & 0xFFF, free & (1 << 62) - 1
    digits = f"{high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def idempotency_hash(parts: Sequence[str]) -> str:
    """64 hex digits for short ``parts``, which cannot flow into each other."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def content_hash_of(sender: Address, subject: str | None, body: str) -> str:
    """What ``InboundMessage.content_hash`` is on a channel whose authors choose message ids."""
    return idempotency_hash([sender.value, text_hash(subject or ""), text_hash(body)])


def text_hash(text: str) -> str:
    """64 hex digits for a text of any length. A long one is not copied, which takes memory."""
    digest = hashlib.sha256()
    for start in range(0, len(text), _CHARACTERS_AT_ONCE):
        chunk = text[start : start + _CHARACTERS_AT_ONCE]
        digest.update(chunk.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
