"""Parameters of MIME headers as mailers write them."""

import pytest

from infrastructure.mail.mime_parameters import read_parameters


@pytest.mark.parametrize(
    ("value", "filename"),
    [
        ('attachment; filename="a.pdf"', "a.pdf"),
        ("attachment; FileName = a.pdf ; size=1", "a.pdf"),
        ('attachment; filename="a;b.pdf"; size=1', "a;b.pdf"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ('attachment; filename="C:\\lamp.pdf"', "C:\\lamp.pdf"),
        ('attachment; filename="never closed.pdf', "never closed.pdf"),
        ('attachment; filename="first.pdf"; filename=second.pdf', "first.pdf"),
        ("attachment; filename*=UTF-8''%C3%84.pdf; filename=_.pdf", "Ä.pdf"),
        ("attachment; filename=_.pdf; filename*=UTF-8''%C3%84.pdf", "Ä.pdf"),
        ("attachment; filename=a.pdf; filename*=UTF-8''", "a.pdf"),
        ("attachment; filename*=iso-8859-1'de'%C4.pdf", "Ä.pdf"),
        ("attachment; filename*=iso-2022-jp''%1B%24B%25i%1B%28B.txt", "ラ.txt"),
        ("attachment; filename*=klingon''%C3%84.pdf", "Ä.pdf"),
        ("attachment; filename*=%C3%84.pdf", "Ä.pdf"),
        (
            'attachment; filename*0*="\'\'attached%2E"; filename*1*="%62"; filename*2=at',
            "attached.bat",
        ),
        ("attachment;filename*1=b.txt;filename*0=a", "ab.txt"),
        ("attachment; filename*0=a; filename*2=c", "a"),
        ("attachment; filename*1=b", None),
        ("attachment; size=1", None),
        ("attachment", None),
        ("; ;; =x; filename", None),
    ],
)
def test_file_name_in_a_disposition_is_found(value: str, filename: str | None) -> None:
    assert read_parameters(value).get("filename") == filename


@pytest.mark.parametrize(
    ("value", "charset"),
    [
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain; charset="utf-8"; name=x', "utf-8"),
        ("text/plain charset=utf-8", "utf-8"),
        ("text/plain;;  charset = utf-8 ;", "utf-8"),
        ("text/plain; charset*=us-ascii'en'utf-8", "utf-8"),
    ],
)
def test_charset_of_a_content_type_is_found(value: str, charset: str) -> None:
    assert read_parameters(value)["charset"] == charset
