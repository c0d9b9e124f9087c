"""Base64 of any size is decoded whole, and is not copied for it."""

import base64
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.mail.transfer_encoding import decoded

LARGE = 3_000_000


@pytest.mark.parametrize("size", [0, 1, 2, 3, 48_000, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b""])
def test_base64_of_any_size_is_decoded(size: int, line_end: bytes) -> None:
    content = random.Random(size).randbytes(size)
    encoded = base64.encodebytes(content).replace(b"\n", line_end)
    assert decoded(memoryview(encoded), "base64") == (content, False)


@given(st.binary(max_size=200))
def test_base64_without_padding_is_decoded(content: bytes) -> None:
    encoded = base64.b64encode(content).rstrip(b"=")
    assert decoded(memoryview(encoded), "base64") == (content, False)


def test_base64_is_not_copied_before_it_is_decoded() -> None:
    encoded = memoryview(base64.encodebytes(bytes(LARGE)))
    tracemalloc.start()
    try:
        content, _ = decoded(encoded, "base64")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(content) == LARGE
    assert peak < 1.3 * LARGE
