"""What contributors are told to run is there."""

import re
import tomllib

import pytest

from tests.documentation.documents import DOCUMENTS, blocks, text_of

_TARGET = re.compile(r"`make ([a-z-]+)")


def targets() -> set[str]:
    """Every target that ``make help`` explains."""
    return set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.M))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_target_that_a_document_names_exists(document: str) -> None:
    shown = "\n".join(blocks(document, "console") + blocks(document, "sh"))
    named = re.findall(r"^(?:\$ )?make (?:--silent )?([a-z-]+)", shown, re.M)
    assert {*named, *_TARGET.findall(text_of(document))} <= targets()


def test_table_has_every_target() -> None:
    explained = targets() - {"help"}
    guide = text_of("CONTRIBUTING.md")
    table = "\n".join(line for line in guide.splitlines() if line.startswith("|"))
    assert set(_TARGET.findall(table)) == explained


def test_short_forms_run_in_make_test_and_long_ones_in_make_check() -> None:
    options = tomllib.loads(text_of("pyproject.toml"))["tool"]["pytest"]["ini_options"]["addopts"]
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", text_of("Makefile"), re.M))
    assert "-m 'not long and not browser'" in options
    assert "$(PROCESSES)\n" in recipes["test"]
    assert "$(PROCESSES) FORM='-m long'\n" in recipes["check"]
