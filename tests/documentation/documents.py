"""Reads documents: their blocks, tables, and code that can be imported."""

import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"^`(?P<path>[\w/.-]+)`:\n\n```python\n(?P<code>.*?)^```$", re.M | re.S)


def text_of(document: str) -> str:
    """A document, named by its path in the repository."""
    return (ROOT / document).read_text("utf-8")


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    found = _BLOCK.finditer(text_of(document))
    return [match["text"] for match in found if match["language"] == language]


def files(document: str) -> dict[str, str]:
    """The Python files that a document shows, by path."""
    return {match["path"]: match["code"] for match in _FILE.finditer(text_of(document))}


def imported(path: str, code: str) -> ModuleType:
    """Import ``code`` as the module of ``path``."""
    module = ModuleType(path.removesuffix(".py").replace("/", "."))
    sys.modules[module.__name__] = module
    exec(compile(code, path, "exec"), module.__dict__)
    return module


def cells(document: str, heading: str) -> list[list[str]]:
    """The rows of the first table after ``heading``, without its head."""
    after = text_of(document).partition(f"\n{heading}\n")[2]
    table = re.search(r"^\|.*?(?=^[^|]|\Z)", after, re.M | re.S)
    assert table is not None, f"no table after {heading}"
    rows = table[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
