"""The key under which a message is recorded once: the idempotent receiver's."""

import hashlib
import json
import uuid
from collections.abc import Sequence


def request_id_of(parts: Sequence[str]) -> str:
    """The key of a record that is made of ``parts``: a UUID of version 8 (RFC 9562, 5.8).

    Its 122 free bits are the first 122 bits of the parts' hash. The same parts always give
    the same key, so the record can be read without an index.
    """
    free = int(idempotency_hash(parts)[:32], base=16) >> 6
    high, middle, low = free >> 74, free >> 62 & 0xFFF, free & (1 << 62) - 1
    return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


def idempotency_hash(parts: Sequence[str]) -> str:
    """64 hex digits for ``parts``, which cannot flow into each other."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
