"""The lists of what a release holds, which somebody has looked at.

    make contents

writes them anew, for the repository to show what has changed. The modules of a folder are one line;
every other file has its own, and so has every distribution that comes with it.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

from deploy.contents import CONTENTS
from deploy.package import LAYERS, PROJECT, files_on_lambda, project_files
from deploy.release.hashes import HASHED, name_of, pins

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).with_name("lists")
ACCEPT = "If this is right: run 'make contents', look at the change of the list, and commit it."

_WHEEL_METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
_COPIED = re.compile(r"^COPY (?!--from)(?P<sources>.+) \S+$", re.M)


class NotReadyError(click.ClickException):
    """The release is not ready; the text says why."""


def summary(files: Iterable[str]) -> list[str]:
    """The lines for ``files``: modules by their folder, the rest by name."""
    return sorted({_line(PurePosixPath(name)) for name in files})


def distributions(names: Iterable[str]) -> list[str]:
    """The lines for distributions."""
    return sorted(f"{name_of(name)} (distribution)" for name in names)


def wheel(files: Iterable[str]) -> list[str]:
    """The lines of a wheel; the name of its metadata has no version in it."""
    return summary(
        re.sub(r"^frontdesk-[^/]+\.dist-info/", "frontdesk.dist-info/", name) for name in files
    )


def image_context() -> list[str]:
    """Every file that the build of the image copies."""
    found = _COPIED.findall((ROOT / "Containerfile").read_text("utf-8"))
    sources = [ROOT / name for copied in found for name in copied.split()]
    files = [path for source in sources for path in (source, *source.rglob("*")) if path.is_file()]
    names = (path for path in files if path.parent.name != "__pycache__")
    return sorted(path.relative_to(ROOT).as_posix() for path in names)


def in_image(installed: Iterable[str]) -> list[str]:
    """The lines of an image: what its build copies, and the distributions that it installs."""
    return summary(image_context()) + distributions(installed)


def in_repository() -> dict[str, list[str]]:
    """What each part of a release would hold if it were made now, without making it."""
    layers = "".join((HASHED / f"{layer}.txt").read_text("utf-8") for layer in LAYERS)
    metadata = [f"frontdesk.dist-info/{name}" for name in _WHEEL_METADATA]
    return {
        "wheel": wheel([*project_files(), *metadata]),
        "function": summary(files_on_lambda()) + distributions(CONTENTS),
        "image": in_image(pins(layers)),
    }


def difference(name: str, found: list[str]) -> list[str]:
    """How ``found`` differs from the stored list, and how to accept that; empty if it does not."""
    listed = (LISTS / f"{name}.txt").read_text("utf-8").splitlines()
    names = (f"deploy/release/lists/{name}.txt", f"the {name}")
    diff = [*difflib.unified_diff(listed, found, *names, lineterm="", n=1)]
    return [*diff, ACCEPT] if diff else []


def compare(name: str, found: list[str]) -> None:
    """Compare the lines of a part with its list. Raises ``NotReadyError`` with the difference."""
    if different := difference(name, found):
        raise NotReadyError("\n".join(different))


def compare_modules(part: str, found: Iterable[str], expected: Iterable[str]) -> None:
    """Compare our files in ``part`` with those of the repository, one by one.

    What is compiled does not count. Raises ``NotReadyError`` with the difference.
    """
    ours = {name for name in found if name.startswith(PROJECT) and "__pycache__" not in name}
    missing, unknown = set(expected) - ours, ours - set(expected)
    lines = [f"-{name}" for name in sorted(missing)] + [f"+{name}" for name in sorted(unknown)]
    if lines:
        raise NotReadyError("\n".join([f"{part} differs from the repository:", *lines]))


def _line(path: PurePosixPath) -> str:
    return f"{path.parent}/*.py" if path.suffix == ".py" else str(path)


def main() -> None:
    """Write every list."""
    for name, lines in in_repository().items():
        (LISTS / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
