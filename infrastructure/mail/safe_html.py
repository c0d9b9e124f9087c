"""The HTML of a mail without what could run, fetch or lead elsewhere.

``python -m infrastructure.mail.safe_html`` does it for the JSON on its standard input, within
limits: a browser's parser needs minutes and gigabytes for some pages that are made for it.
"""

import base64
import binascii
import json
import os
import re
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

import nh3

from application.conversations.image_types import FIRST_BYTES, image_type

MAX_PICTURE_BYTES = 2 * 1024 * 1024
"""Of all pictures in a mail together, each as often as it is shown."""

MAX_STYLE_CHARACTERS = 500_000
MAX_LINKS = 200
CPU_SECONDS = 4
MEMORY_BYTES = 768 * 1024 * 1024


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _names(
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col "
    "colgroup dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 "
    "h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section "
    "small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul "
    "var wbr"
)
_WITH_CONTENT = _names(
    "script style title head iframe object embed applet noscript noembed noframes template "
    "svg math textarea select option audio video canvas xmp plaintext"
)
_ATTRIBUTES = _names(
    "align alt background bgcolor border cellpadding cellspacing class color colspan dir "
    "face height id lang nowrap rowspan size start style valign width"
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid", "data"})
_LEADS_ELSEWHERE = re.compile(r"\s*(?:https?|mailto|tel):", re.IGNORECASE)
_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)

_LINK = re.compile(r'(<a(?: [a-z]+="[^"]*")*?) href="([^"]*)"')
"""An opening tag as the sanitiser writes it: it escapes ``<``, ``>`` and quotes elsewhere."""

_FETCHES = re.compile(r"(?i)(?:url|src|(?:-[a-z]+-)?image(?:-set)?|cross-fade|expression)\s*\(")
_FETCHED_PICTURE = re.compile(r"(?i)url\s*\(\s*['\"]?\s*(?:https?:)?//")
_AT_RULES = re.compile(r"(?i)@\s*(?:import|font-face|namespace|charset)")


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """What may stand in the body of a page, and in its style elements.

    ``links`` are where the mail's links lead; none of them can be followed. ``remote_pictures``
    would have been fetched from elsewhere; ``unfit_pictures`` came with the mail, and are missing,
    too large together, or of another format.
    """

    body: str
    styles: tuple[str, ...]
    links: tuple[str, ...]
    remote_pictures: int
    unfit_pictures: int


def safe_html(html: str, pictures: Mapping[str, bytes]) -> SafeHtml:
    """``html`` made safe. ``pictures`` are what ``cid:`` addresses mean, by Content-ID."""
    return _Cleaning(pictures).clean(html)


@dataclass
class _Cleaning:
    pictures: Mapping[str, bytes]
    left_bytes: int = MAX_PICTURE_BYTES
    remote: int = 0
    unfit: int = 0
    links: dict[str, None] = field(default_factory=dict)

    def clean(self, html: str) -> SafeHtml:
        html = html.replace("\0", "")
        styles = tuple(map(self._safe_style, _style_sheets(html)))
        cleaner = nh3.Cleaner(
            tags=set(_TAGS),
            clean_content_tags=set(_WITH_CONTENT),
            attributes={"*": set(_ATTRIBUTES), "a": {"href"}, "img": {"src"}},
            attribute_filter=self._attribute,
            url_schemes=set(_SCHEMES),
            link_rel=None,
        )
        body = _LINK.sub(r'\1 title="\2"', cleaner.clean(html))
        return SafeHtml(body, styles, tuple(self.links)[:MAX_LINKS], self.remote, self.unfit)

    def _attribute(self, _: str, name: str, value: str) -> str | None:
        match name:
            case "style":
                return self._safe_style(value)
            case "href":
                return self._link(value)
            case "src":
                return self._picture(value.strip())
            case "background":
                self.remote += _leads_elsewhere(value)
                return None
        return value

    def _link(self, address: str) -> str | None:
        if not _LEADS_ELSEWHERE.match(address):
            return None
        self.links[address.strip()[:2_000]] = None
        return address

    def _picture(self, address: str) -> str | None:
        if address[:4].lower() == "cid:":
            return self._shown(self.pictures.get(unquote(address[4:]), b""))
        if address[:5].lower() == "data:":
            return self._shown(_decoded(address))
        self.remote += 1
        return None

    def _shown(self, content: bytes) -> str | None:
        media_type = image_type(content[:FIRST_BYTES])
        if media_type is None or len(content) > self.left_bytes:
            self.unfit += 1
            return None
        self.left_bytes -= len(content)
        return f"data:{media_type};base64,{base64.b64encode(content).decode()}"

    def _safe_style(self, css: str) -> str:
        """Without what could fetch: escapes are taken out first, for they could spell it."""
        css = css.replace("\\", "").replace("<!--", " ").replace("-->", " ").replace("<", " ")
        self.remote += len(_FETCHED_PICTURE.findall(css))
        return _AT_RULES.sub("@left-out", _FETCHES.sub("left-out(", css))


def _leads_elsewhere(address: str) -> bool:
    return not address.strip()[:5].lower().startswith(("cid:", "data:"))


def _decoded(address: str) -> bytes:
    head = _DATA.match(address)
    if head is None:
        return b""
    try:
        return base64.b64decode("".join(unquote(address[head.end() :]).split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _style_sheets(html: str) -> Iterator[str]:
    """What stands in style elements, whatever stands around them."""
    lower, place, left = html.lower(), 0, MAX_STYLE_CHARACTERS
    # Some characters are longer in lower case.
    lower = lower if len(lower) == len(html) else html
    while left > 0 and (start := lower.find("<style", place)) >= 0:
        opened = lower.find(">", start) + 1
        place = lower.find("</style", opened)
        if not opened or place < 0:
            return
        yield html[opened:place][:left]
        left -= place - opened


def _limit() -> None:
    os.nice(10)  # webhooks come first
    for kind, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # not every system has each
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Read ``{"html": …, "pictures": {id: base64}}``; write the fields of ``SafeHtml``."""
    _limit()
    given: dict[str, Any] = json.load(sys.stdin)
    pictures = {name: base64.b64decode(text) for name, text in given["pictures"].items()}
    json.dump(asdict(safe_html(given["html"], pictures)), sys.stdout)


if __name__ == "__main__":
    main()
