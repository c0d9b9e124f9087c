"""The text of a mail that only has HTML."""

import html as entities
import re
from collections.abc import Iterable, Sequence
from typing import Any

from infrastructure.mail.charsets import scrub

MAX_RENDERED_CHARACTERS = 250_000
"""Rendering takes up to four seconds for a million; real mail hardly has more than 200,000."""

MAX_UNRENDERED_CHARACTERS = 1_048_576
"""How much of a longer text has its entities decoded: each may take a microsecond."""

MAX_STRIPPED_CHARACTERS = 4_194_304
"""How much of a page has its tags cut out: 30 MB of nothing but tags would take seconds."""

# Style and script with what they hold, for no reader sees that.
_UNSEEN = re.compile(r"<(?:style|script|title)\b[^<>]*>[^<]*", re.IGNORECASE)
# A gateway's banner, or a mailer that shows an image in between, makes several pages of one: what
# follows the end of the first would not be read. A head inside a body would be.
_PAGE_END = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)
_PAGE_ENDS = re.compile(r"(?:</(?:html|body)\s*+>|\s)*+", re.IGNORECASE)
_PAGE = re.compile(r"</?(?:html|body|head)\b[^<>]*>|<!doctype\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_BLANK_RUN = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
# Mail uses tables for layout. Padding their cells to columns takes memory in the product of
# width and rows, so they become what they look like: lines with words side by side.
_PLAIN_TAGS = {"table": "div", "tr": "div", "td": "span", "th": "span"}
_DISPLAY = re.compile(
    r"(?:^|;)\s*+display\s*+:\s*+([a-z-]{1,30}+)\s*+(!\s*+important)?", re.IGNORECASE
)
_CELLS = frozenset({"td", "th"})


def texts_of_html(pages: Sequence[str]) -> list[str]:
    """The text of each of ``pages``, within the limits of one."""
    total = sum(map(len, pages))
    limit = MAX_STRIPPED_CHARACTERS // max(1, len(pages))
    if total <= MAX_STRIPPED_CHARACTERS:
        limit = total
    has_layout = total <= MAX_RENDERED_CHARACTERS
    return [text_of_html(page[:limit], has_layout=has_layout) for page in pages]


def text_of_html(html: str, *, has_layout: bool = True) -> str:
    """What a reader sees of ``html``. Never raises: at worst, the tags are cut out.

    Of a page without layout at most a million characters: it is a file of the mail as well.
    """
    html = html[:MAX_STRIPPED_CHARACTERS].replace("\0", "")
    end = _PAGE_END.search(html)
    if end and not _PAGE_ENDS.fullmatch(html, end.end()):
        html = _PAGE.sub("<div></div>", html)
    has_layout = has_layout and len(html) <= MAX_RENDERED_CHARACTERS
    text = _rendered(html) if has_layout else None
    if text is None:
        unseen_cut_out = _TAG.sub(" ", _UNSEEN.sub(" ", html))
        text = entities.unescape(unseen_cut_out[:MAX_UNRENDERED_CHARACTERS])
    return _BLANK_RUN.sub("\n\n", scrub(text)).strip()


def _rendered(html: str) -> str | None:
    """The text as a browser would lay it out; ``None`` if that fails or loses something."""
    import lxml.etree  # type: ignore[import-untyped]  # the package has no type information
    import lxml.html  # type: ignore[import-untyped]  # the package has no type information
    from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]  # the same

    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        tree = lxml.html.document_fromstring(scrub(html).encode(), parser=parser)
        if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
            return None  # what is nested deeper than 256 levels was left out
        _make_plain(tree.iter())
        text: str = Inscriptis(tree, _config()).get_text()
    except (lxml.etree.LxmlError, ValueError, RecursionError, AttributeError, TypeError):
        return None
    return text


def _make_plain(elements: Iterable[Any]) -> None:
    """Take out of ``elements`` what could blow their text up: styles, columns."""
    for element in elements:
        if not isinstance(element.tag, str):
            continue
        hidden = _is_hidden(element.attrib.get("style", ""))
        element.attrib.clear()
        if hidden:
            element.attrib["style"] = "display:none"
        if element.tag in _CELLS:
            element.tail = " " + (element.tail or "")
        element.tag = _PLAIN_TAGS.get(element.tag, element.tag)


def _is_hidden(style: str) -> bool:
    """By the last declaration that counts, as pages for small and for large screens have two."""
    found = _DISPLAY.findall(style)
    counting = [value for value, important in found if important] or [value for value, _ in found]
    return bool(counting) and counting[-1].lower() == "none"


def _config() -> object:
    """Layout without indentation: nested lists would multiply it with their lines."""
    from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]  # same
    from inscriptis.html_properties import Display  # type: ignore[import-untyped]  # same
    from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # same
    from inscriptis.model.html_element import HtmlElement  # type: ignore[import-untyped]  # same

    block = HtmlElement(display=Display.block)
    return ParserConfig(css={**STRICT_CSS_PROFILE, "ul": block, "ol": block})
