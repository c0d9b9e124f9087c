"""Reads documents: their blocks, tables, and code that can be imported."""

import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
README = "README.md"
PAGES = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [README, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *PAGES]

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"^`(?P<path>[\w/.-]+)`:\n\n```python\n(?P<code>.*?)^```$", re.M | re.S)
_TABLE = re.compile(r"^\|.*?(?=^[^|]|\Z)", re.M | re.S)


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


def prose(document: str) -> str:
    """The text of a document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(document), flags=re.M | re.S)


def cells(document: str, heading: str) -> list[list[str]]:
    """The rows of the first table after ``heading``, without its head."""
    after = f"\n{text_of(document)}".partition(f"\n{heading}\n")[2]
    table = _TABLE.search(after)
    assert table is not None, f"no table after {heading}"
    return _rows(table[0])


def tables(document: str) -> list[list[list[str]]]:
    """The rows of every table, without their heads."""
    return [_rows(table[0]) for table in _TABLE.finditer(prose(document))]


def named_commands(document: str) -> list[tuple[str, str]]:
    """The commands that a document names as code: ``frontdesk``'s first two words after it."""
    code = re.findall(r"`(frontdesk [^`]*)`", prose(document))
    code += [
        line
        for language in ("console", "sh")
        for line in "\n".join(blocks(document, language)).splitlines()
    ]
    found = re.findall(
        r"\bfrontdesk ([a-z][a-z-]+)(?: ([a-z][a-z-]+)\b(?![=:/]))?", "\n".join(code)
    )
    return [(first, second) for first, second in found]


def _rows(table: str) -> list[list[str]]:
    rows = table.strip().splitlines()[2:]
    return [[cell.strip() for cell in re.split(r" \|(?= )", row[1:-1])] for row in rows]
