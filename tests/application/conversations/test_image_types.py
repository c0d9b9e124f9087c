"""Four types of pictures are known by their first bytes, and nothing passes for one of them."""

import pytest

from application.conversations.image_types import FIRST_BYTES, image_type

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(20)
GIF = b"GIF89a" + bytes(20)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (JPEG.replace(b"\xe0", b"\xe1", 1), "image/jpeg"),
        (GIF, "image/gif"),
        (GIF.replace(b"89", b"87"), "image/gif"),
        (WEBP, "image/webp"),
        (WEBP.replace(b"VP8 ", b"VP8X"), "image/webp"),
        (WEBP.replace(b"VP8 ", b"VP8L"), "image/webp"),
    ],
)
def test_picture_is_known_by_its_first_bytes(content: bytes, media_type: str) -> None:
    assert image_type(content) == media_type
    assert image_type(content[:FIRST_BYTES]) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        b"%PDF-1.7",
        b"BM" + bytes(50),
        b"\x00\x00\x00\x20ftypavif",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"\x1f\x8b\x08" + PNG,
        b" " + PNG,
        b"\n" + GIF,
        PNG[:8] + b"<html>  ",
        b"\xff\xd8<script>",
        b"\xff\xd8\xff<html>",
        b"GIF90a",
        b"GIF89",
        WEBP[:12] + b"<htm",
        b"II*\x00",
    ],
)
def test_anything_else_is_no_picture(content: bytes) -> None:
    assert image_type(content) is None
