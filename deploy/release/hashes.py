"""Write ``constraints/hashed``: what is installed, with the hashes of its files.

    make hashes

Versions are pinned by hand in ``constraints/*.txt``, a line each. This looks up which of them each
installation needs and the hash of every file of them, so of every platform. pip then takes no
other file, wherever it comes from.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints"
HASHED = CONSTRAINTS / "hashed"
PINS = "constraints/project.txt"

LAYERS: Mapping[str, tuple[str, ...]] = {
    "server": (),
    "aws": ("aws",),
    "dev": ("aws", "dev"),
}
"""The project's installations, each over those before it, with their extras."""

BUILD = "build"
"""What builds the project: pip gets it beforehand, because it would take any version of it."""

TOOLS = ("bench", "fuzz", "ministack", "release", "sam")
"""The installations that have nothing to do with the project: their pins name everything."""

COMPILE = ("--universal", "--python-version", "3.11", "--generate-hashes")
QUIET = ("--quiet", "--no-config", "--no-annotate", "--no-header", "--no-python-downloads")

_HEAD = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,]+\])?==(?P<version>[^\s;]+)(?P<rest>.*)$", re.M)
_WINDOWS = re.compile(r"sys_platform == 'win32'|os_name == 'nt'")


def name_of(distribution: str) -> str:
    """The one form of a distribution's name, however it is written."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def pins(text: str) -> dict[str, str]:
    """The version of each distribution that a file of constraints pins, with hashes or without."""
    return {name_of(found["name"]): found["version"] for found in _HEAD.finditer(text)}


def blocks(text: str) -> dict[str, str]:
    """Each distribution's lines in a file with hashes, by its name."""
    starts = [*_HEAD.finditer(text)]
    ends = [found.start() for found in starts[1:]] + [len(text)]
    return {
        name_of(found["name"]): text[found.start() : end]
        for found, end in zip(starts, ends, strict=True)
    }


def missing_pins(hashed: str, pinned: Mapping[str, str]) -> list[str]:
    """The lines that are missing in a file of constraints: without them, any version would do."""
    found = pins(hashed)
    return [f"{name}=={version}" for name, version in found.items() if pinned.get(name) != version]


def resolve(*arguments: str, given: str = "") -> str:
    """What uv finds for its ``arguments``, without what only Windows needs.

    Raises CalledProcessError; uv has said why.
    """
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", *arguments, *COMPILE, *QUIET, "--python", sys.executable]
    done = subprocess.run(  # noqa: S603 - ours
        command, cwd=ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    found = blocks(done.stdout)
    return "".join(one for one in found.values() if not _WINDOWS.search(one.partition("\n")[0]))


def resolve_project() -> dict[str, str]:
    """What the project's installations need, by their names; pinned versions alone."""
    constrained = ("--constraint", PINS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    builders = "\n".join([*project["build-system"]["requires"], "editables"])
    resolved = {BUILD: resolve("-", *constrained, given=builders)}
    below: set[str] = set()
    for layer, extras in LAYERS.items():
        options = [f"--extra={extra}" for extra in extras]
        whole = blocks(resolve("pyproject.toml", *options, *constrained))
        resolved[layer] = "".join(one for one in whole.values() if one not in below)
        below.update(whole.values())
    return resolved


def require_pins(source: str, hashed: str) -> None:
    """End with 1 if ``source`` does not pin everything in ``hashed``, and say what is missing."""
    lacking = missing_pins(hashed, pins((ROOT / source).read_text("utf-8")))
    if lacking:
        lines = "\n".join(sorted(set(lacking)))
        sys.exit(f"{source} pins other versions, or none; it needs:\n{lines}")


def write(name: str, sources: Sequence[str], hashed: str) -> None:
    """Write one file of ``constraints/hashed``, with a head that says where it comes from."""
    text = f"# Written by 'make hashes' from {' and '.join(sources)}: change those.\n{hashed}"
    path = HASHED / f"{name}.txt"
    # A newer file would have everything installed again.
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def main() -> None:
    """Write every file."""
    project = resolve_project()
    require_pins(PINS, "".join(project.values()))
    for name, hashed in project.items():
        write(name, ["pyproject.toml", PINS], hashed)
    for name in TOOLS:
        source = f"constraints/{name}.txt"
        hashed = resolve(source)
        require_pins(source, hashed)
        write(name, [source], hashed)


if __name__ == "__main__":
    main()
