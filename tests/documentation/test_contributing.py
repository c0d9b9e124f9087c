"""What contributors are told to run is there."""

import re

from tests.documentation.documents import ROOT, text_of

_TARGET = re.compile(r"`make ([a-z-]+)")


def test_table_has_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) - {"help"}
    guide = text_of("CONTRIBUTING.md")
    table = "\n".join(line for line in guide.splitlines() if line.startswith("|"))
    assert set(_TARGET.findall(table)) == explained
