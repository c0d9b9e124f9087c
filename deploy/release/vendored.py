"""What others wrote and the repository holds: scripts and stylesheets of the console.

``vendored.json`` beside them lists each file::

    [{"name": "plot", "version": "1.2.3", "licence": "MIT", "file": "plot.min.js",
      "sha256": "<64 hexadecimal digits>", "homepage": "https://plot.example",
      "licence_file": "plot.LICENSE"}]

``licence`` is an SPDX id; files are paths from the list's folder. The list goes into the SBOM.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "entrypoints" / "http" / "console" / "assets"
LIST = "vendored.json"
FOLDER = "vendored"
"""Whatever is in this folder beside the list has to be listed."""

LONGEST_OWN_LINE = 500
"""Characters: a longer line was made by a tool, so its file comes from elsewhere."""

_TEXTS = (".js", ".mjs", ".css")
_ALWAYS_OTHERS = (".woff", ".woff2", ".ttf", ".otf")


class WrongListError(Exception):
    """The list cannot be read; the text says which entry is wrong, and how."""


@dataclass(frozen=True, slots=True)
class Vendored:
    """One file of others."""

    name: str
    version: str
    licence: str
    file: str
    sha256: str
    homepage: str
    licence_file: str


def read_vendored(assets: Path) -> list[Vendored]:
    """The files that the list in ``assets`` names; none without a list.

    Raises ``WrongListError``.
    """
    path = assets / LIST
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise WrongListError(f"{path} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise WrongListError(f"{path} is no list")
    return [_read(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def problems(assets: Path) -> list[str]:
    """What is wrong with the files of ``assets`` or with their list, a line each."""
    listed = read_vendored(assets)
    named = {name for one in listed for name in (one.file, one.licence_file)}
    return [*_wrong_files(assets, listed), *_unlisted(assets, named)]


def _read(entry: object, place: str) -> Vendored:
    names = [one.name for one in fields(Vendored)]
    if not isinstance(entry, dict) or sorted(entry) != sorted(names):
        raise WrongListError(f"{place}: needs {', '.join(names)}, and nothing else")
    empty = [name for name in names if not isinstance(entry[name], str) or not entry[name]]
    if empty:
        raise WrongListError(f"{place}: {', '.join(empty)} must be text, and not empty")
    return Vendored(**entry)


def _wrong_files(assets: Path, listed: list[Vendored]) -> Iterator[str]:
    for one in listed:
        path = assets / one.file
        missing = [name for name in (one.file, one.licence_file) if not (assets / name).is_file()]
        yield from (f"{name} is listed, and is not there" for name in missing)
        if one.file in missing:
            continue
        if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != one.sha256:
            yield f"{one.file} has the sha256 {found}, and not the listed one"


def _unlisted(assets: Path, named: set[str]) -> Iterator[str]:
    for path in sorted(assets.rglob("*")):
        name = path.relative_to(assets).as_posix()
        if name not in named and path.is_file() and _is_of_others(path):
            yield f"{name} seems to come from elsewhere, and is not in {LIST}"


def _is_of_others(path: Path) -> bool:
    if path.parent.name == FOLDER or path.suffix in _ALWAYS_OTHERS or ".min." in path.name:
        return True
    longest = max(map(len, path.read_bytes().splitlines()), default=0)
    return path.suffix in _TEXTS and longest > LONGEST_OWN_LINE
