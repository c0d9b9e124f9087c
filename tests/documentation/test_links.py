"""Every link and every path in the documents leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.documentation.documents import DOCUMENTS, PAGES, ROOT, prose, text_of

_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
_PATH = re.compile(
    r"`((?:domain|application|infrastructure|entrypoints|tests|docs|deploy|benchmarks)/[\w/.-]*)`"
)


def anchors(document: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    here = ROOT / document
    for path, anchor in _LINK.findall(text_of(document)):
        target = here.parent / path if path else here
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - {"docs/adding-a-channel.md"}))
def test_every_path_that_is_named_exists(document: str) -> None:
    files_of_a_guide = re.compile(r"^`[\w/.-]+`:$", re.M)
    text = files_of_a_guide.sub("", prose(document))
    assert [path for path in _PATH.findall(text) if not (ROOT / path).exists()] == []


def test_index_has_every_page() -> None:
    linked = {path for path, _ in _LINK.findall(text_of("docs/index.md"))}
    pages = {Path(page).name for page in PAGES} - {"index.md"}
    assert pages <= linked


def test_readme_links_to_every_page() -> None:
    linked = {path for path, _ in _LINK.findall(text_of("README.md"))}
    assert set(PAGES) - {"docs/index.md"} <= linked
