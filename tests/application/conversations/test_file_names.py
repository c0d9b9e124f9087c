"""The name of a file does no harm where it is saved, whatever its sender called it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.conversations.file_names import MAX_NAME_BYTES, download_name, safe_name
from domain.messages import Attachment


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Größe, 5€.pdf", "Größe, 5€.pdf"),
        ("写真.jpg", "写真.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\a\\b.txt", "C__a_b.txt"),
        ("a\uff0fb\u2215c\uff3cd", "a_b\u2215c_d"),
        ("...", ""),
        (".ssh", "ssh"),
        (" . .bashrc", "bashrc"),
        ("notes.txt. . ", "notes.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("a\u2066b\u200bc\ufeff\u00add.txt", "abcd.txt"),
        ("a\r\nContent-Type: text/html", "aContent-Type_ text_html"),
        ('a";b=c|d<e>f?g*.txt', "a_;b=c_d_e_f_g_.txt"),
        ("a\x00b\x7fc\x85d\u2028e", "abcde"),
        ("a\ud800b", "ab"),
        ("a \t\u00a0 b", "a b"),
        ("e\u0301.txt", "é.txt"),
        ("", ""),
    ],
)
def test_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("name", "extension"),
    [("x" * 500 + ".pdf", ".pdf"), ("é" * 500 + ".jpeg", ".jpeg"), ("a." + "b" * 500, "b")],
)
def test_long_name_is_cut_before_its_extension(name: str, extension: str) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) in {MAX_NAME_BYTES - 1, MAX_NAME_BYTES}
    assert safe.endswith(extension)


@given(st.text(st.characters(), max_size=300))
def test_any_name_becomes_safe_and_stays_as_it_is_then(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert not set(unicodedata.normalize("NFKC", safe)) & set('/\\:*?"<>|\r\n\0')
    assert not {unicodedata.category(c) for c in safe} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("content_type", "media_type", "name"),
    [
        ("image/jpeg", "image/png", "attachment-3.png"),
        ("audio/ogg; codecs=opus", "application/octet-stream", "attachment-3.ogg"),
        ("TEXT/VCARD", "application/octet-stream", "attachment-3.vcf"),
        ("application/x-msdownload", "application/octet-stream", "attachment-3"),
        ("text/html", "application/octet-stream", "attachment-3"),
        ("", "application/octet-stream", "attachment-3"),
    ],
)
def test_file_without_a_name_gets_one_that_tells_what_it_is(
    content_type: str, media_type: str, name: str
) -> None:
    for unnamed in (None, "", "..", "\u202e"):
        attachment = Attachment(content_type, filename=unnamed)
        assert download_name(attachment, 2, media_type) == name


@pytest.mark.parametrize(
    ("name", "media_type", "saved"),
    [
        ("a.png", "image/png", "a.png"),
        ("a.JPEG", "image/jpeg", "a.JPEG"),
        ("a.html", "image/png", "a.html.png"),
        ("a.svg", "image/gif", "a.svg.gif"),
        ("a", "image/webp", "a.webp"),
        ("a.html", "application/octet-stream", "a.html"),
    ],
)
def test_picture_is_saved_under_the_name_of_a_picture(
    name: str, media_type: str, saved: str
) -> None:
    assert download_name(Attachment("text/html", filename=name), 0, media_type) == saved
