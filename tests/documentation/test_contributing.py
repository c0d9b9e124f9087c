"""The make targets and files that the contributor documents name exist."""

import re

import pytest

from tests.documentation.documents import ROOT

DOCUMENTS = ["CONTRIBUTING.md", "SECURITY.md", "docs/reliability.md"]
_TARGET = re.compile(r"`make ([a-z-]+)")
_PATH = re.compile(r"`((?:tests|docs|deploy|benchmarks|fuzz)/[\w/.-]*)`")


def test_contributing_guide_lists_every_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) - {"help"}
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = "\n".join(line for line in guide.splitlines() if line.startswith("|"))
    assert set(_TARGET.findall(table)) == explained


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_named_in_the_document_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    assert [path for path in _PATH.findall(text) if not (ROOT / path).exists()] == []
