"""What mails try, and what is left of it: nothing that runs, fetches or leads elsewhere."""

import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from infrastructure.mail import sanitizing
from infrastructure.mail.safe_html import MAX_LINKS, MAX_PICTURE_BYTES, SafeHtml, safe_html
from infrastructure.mail.sanitizing import sanitized
from tests.application.conversations.test_image_types import GIF, JPEG, PNG, WEBP

REMOTE = "https://evil.example/x.gif"

HOSTILE = (
    # Scripts, in every place that has some.
    "<script>alert(1)</script>",
    "<script src=//evil.example/x.js></script>",
    "<ScRiPt\n>alert(1)</sCrIpT\t>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<p onclick=alert(1) onmouseover='alert(2)'>x</p>",
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror=alert(1)//>",
    "<body onload=alert(1)><p>x",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<svg onload=alert(1)><script>alert(2)</script></svg>",
    "<svg><image href=https://evil.example/x.svg /><use href=#x /></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text y=20>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table>",
    "<math href='javascript:alert(1)'>x</math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<textarea><p title='</textarea><img src=x onerror=alert(1)>'>",
    "<title><p title='</title><img src=x onerror=alert(1)>'>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><img src=x onerror=alert(1)>",
    "\0<scr\0ipt>alert(1)</scr\0ipt>",
    # Addresses that run.
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' java\nscript&colon;alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href=/sign-out>x</a>",
    "<a href='https://evil.example/' target=_top ping=https://evil.example/p>x</a>",
    "<img src='javascript:alert(1)'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='data:image/png;base64,PHNjcmlwdD4='>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>",
    # What fetches.
    f"<img src={REMOTE}>",
    f"<img src=/a srcset='{REMOTE} 2x'>",
    f"<picture><source srcset={REMOTE}><img alt=x></picture>",
    f"<table background={REMOTE}><tr><td background='{REMOTE}'>x",
    f"<p style='background: url({REMOTE})'>x</p>",
    f"<p style='background:u\\72l({REMOTE})'>x</p>",
    f"<p style='background:ur\\l({REMOTE})'>x</p>",
    f"<p style='background:URL (\"{REMOTE}\")'>x</p>",
    f"<p style='background:-webkit-image-set(\"{REMOTE}\" 1x)'>x</p>",
    f"<p style='background:image-set(\"{REMOTE}\" 1x)'>x</p>",
    f"<p style='list-style:url({REMOTE});cursor:url({REMOTE}),auto'>x</p>",
    f"<style>p{{background:url({REMOTE})}}</style><p>x",
    f"<style>@import '{REMOTE}';</style>",
    f"<style>@im\\port '{REMOTE}';</style>",
    f"<style>@font-face{{font-family:a;src:url({REMOTE})}}</style>",
    f"<style>u<rl({REMOTE})</style>",
    f"<style><!-- p{{background:url({REMOTE})}} --></style>",
    "<style></style><img src=x onerror=alert(1)></style>",
    "<style>a{}</sty\0le><script>alert(1)</script>",
    "<p style='width:expression(alert(1));behavior:url(#x);-moz-binding:url(x.xml#y)'>x</p>",
    f"<link rel=stylesheet href={REMOTE}><link rel=preload as=image href={REMOTE}>",
    f"<link rel=dns-prefetch href={REMOTE}><link rel=preconnect href={REMOTE}>",
    f"<meta http-equiv=refresh content='0;url={REMOTE}'>",
    '<meta http-equiv=Content-Security-Policy content="default-src *">',
    "<meta charset=utf-7>+ADw-script+AD4-alert(1)",
    "<base href=https://evil.example/ target=_top><img src=x.gif>",
    f"<iframe src={REMOTE}></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    f"<object data={REMOTE}><embed src={REMOTE}></object><applet code=x></applet>",
    f"<video src={REMOTE} poster={REMOTE}></video><audio src={REMOTE} autoplay></audio>",
    f"<form action={REMOTE}><input type=image src={REMOTE} autofocus onfocus=alert(1)></form>",
    f"<button formaction={REMOTE}>x</button><select onfocus=alert(1) autofocus><option>x</select>",
    f"<frameset><frame src={REMOTE}></frameset>",
    f"<portal src={REMOTE}></portal><fencedframe src={REMOTE}></fencedframe>",
    f"<bgsound src={REMOTE}><marquee onstart=alert(1)>x</marquee>",
    f"<blockquote cite={REMOTE}>x</blockquote><p is=x-evil slot=y>x</p>",
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _names(
    "script style iframe object embed applet svg math link meta base form input button "
    "textarea select video audio source template noscript frame portal image title xmp "
    "plaintext"
)


class Seen(HTMLParser):
    """What another parser finds in it."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.faults += [tag] if tag in _TAGS else []
        for name, value in attrs:
            text = re.sub(r"\s", "", value or "").lower()
            is_fetched = name in {"src", "href", "srcset", "background", "data", "poster", "action"}
            if name.startswith("on") or (
                is_fetched and not re.match(r"data:image/(png|jpeg|gif|webp);base64,", text)
            ):
                self.faults.append(f"{tag} {name}={value}")
            if name == "style":
                self.faults += fetching(text)


def fetching(css: str) -> list[str]:
    return re.findall(r"url\(|image-set\(|@import|@font-face|expression\(|[\\<]", css.lower())


def faults(safe: SafeHtml) -> list[str]:
    seen = Seen()
    seen.feed(safe.body)
    seen.close()
    return seen.faults + [fault for style in safe.styles for fault in fetching(style)]


@pytest.mark.parametrize("html", HOSTILE)
def test_hostile_mail_runs_and_fetches_nothing(html: str) -> None:
    safe = safe_html(html, {})
    assert faults(safe) == []
    # The same, when it is cleaned as if it were a mail once more: no form of it comes to life.
    assert faults(safe_html(safe.body, {})) == []
    wrapped = safe_html(f"<table><tr><td>{html}</td></tr></table><p>end</p>", {})
    assert faults(wrapped) == []


@pytest.mark.parametrize(
    ("html", "count"),
    [
        (f"<img src={REMOTE}><img src='//evil.example/a'><img src=/a>", 3),
        (f"<table background={REMOTE}><tr><td>x</table>", 1),
        (f"<p style='background:url({REMOTE})'>x</p>", 1),
        (f'<style>p{{background:url("{REMOTE}")}}</style>', 1),
        ("<img src='cid:none'><p style='background:url(cid:x)'>", 0),
        ("<p>None</p>", 0),
    ],
)
def test_remote_pictures_are_counted(html: str, count: int) -> None:
    assert safe_html(html, {}).remote_pictures == count


@pytest.mark.parametrize(
    ("content", "kind"), [(PNG, "png"), (JPEG, "jpeg"), (GIF, "gif"), (WEBP, "webp")]
)
def test_own_pictures_are_put_in(content: bytes, kind: str) -> None:
    data = f"data:image/{kind};base64,{b64encode(content).decode()}"
    for address in ("cid:a%40b", "CID:a@b", data):
        safe = safe_html(f"<p><img src='{address}' alt=A></p>", {"a@b": content})
        assert safe.body == f'<p><img src="{data}" alt="A"></p>'
        assert safe.unfit_pictures == 0


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"", b"%PDF", b"BM12"])
def test_own_file_that_is_no_picture_is_left_out(content: bytes) -> None:
    safe = safe_html("<img src=cid:a><img src=cid:none>", {"a": content})
    assert (safe.body, safe.unfit_pictures) == ("<img><img>", 2)


def test_pictures_have_a_limit_however_often_one_is_shown() -> None:
    content = PNG + bytes(MAX_PICTURE_BYTES // 3)
    safe = safe_html("<img src=cid:a>" * 5, {"a": content})
    assert safe.body.count("data:") == 2
    assert safe.unfit_pictures == 3


def test_links_are_named_and_cannot_be_followed() -> None:
    html = '<a class=x href=\'https://a.example/?b=1&c="<\'>A <b>href="q"</b></a>'
    safe = safe_html(f"{html}<a href='mailto:ana@example.com'>B</a><a href=/in>C</a>", {})
    assert "href=" not in safe.body.replace('href="q"', "")
    assert 'title="mailto:ana@example.com"' in safe.body
    assert safe.links == ('https://a.example/?b=1&c="<', "mailto:ana@example.com")
    many = "".join(f"<a href=https://a.example/{number}>x</a>" for number in range(500))
    assert len(safe_html(many, {}).links) == MAX_LINKS


def test_design_is_kept() -> None:
    html = (
        "<style>.a { color: red }</style><table width=600 bgcolor=#fff><tr><td align=center>"
        "<p class=a style='margin:0; font-family: Arial'>Grüße 😀 שלום</p></td></tr></table>"
    )
    safe = safe_html(html, {})
    assert safe.styles == (".a { color: red }",)
    for kept in ('width="600"', 'bgcolor="#fff"', 'align="center"', "font-family: Arial", "שלום"):
        assert kept in safe.body


def test_mail_is_made_safe_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    html = "<p>Grüße<img src=cid:a><script>x</script></p>"
    assert sanitized(html, {"a": PNG}) == safe_html(html, {"a": PNG})


def test_costly_mail_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # A browser's parser opens 200 elements again for each of 50,000 others.
    fonts = "".join(f"<font color=a{number}>" for number in range(200))
    monkeypatch.setattr(sanitizing, "WAIT_SECONDS", 1.0)
    assert sanitized(f"<p>{fonts}{'<div>x</div>' * 50_000}", {}) is None


def test_long_result_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitizing, "MAX_ANSWER_BYTES", 100)
    assert sanitized("<p>x</p>" * 100, {}) is None
