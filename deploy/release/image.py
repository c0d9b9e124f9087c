"""The image's build, as far as it goes without containers: its first stage, run in a folder.

    python -m deploy.release.image

compares what it copies and installs with the stored list.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

import click

from deploy.package import project_files
from deploy.release import lists
from deploy.release.hashes import ROOT, name_of

CONTAINERFILE = ROOT / "Containerfile"
INSTALLED_AT = "/opt/frontdesk"
"""Where the first stage installs everything, and the second one takes it from."""


def build_commands(containerfile: str) -> list[str]:
    """The commands of the first stage, in their order."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", containerfile, flags=re.M))
    stage = re.split(r"^FROM .*\n", joined, flags=re.M)[1]
    return re.findall(r"^RUN (.*)$", stage, re.M)


def build(folder: Path) -> Path:
    """What the first stage installs, built in ``folder`` from the files that the image copies.

    This machine's Python stands for that of the base. Raises CalledProcessError; the command has
    said why.
    """
    installed, context = folder / "installed", folder / "context"
    for name in lists.image_context():
        copy = context / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    # Quiet, and not from the network each time, as in an image without a cache.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in build_commands(CONTAINERFILE.read_text("utf-8")):
        here = command.replace(INSTALLED_AT, str(installed))
        subprocess.run(  # noqa: S602 - the lines of our own file
            here,
            shell=True,
            cwd=context,
            env={**os.environ, "PATH": path, "PIP_QUIET": "1"},
            check=True,
        )
    return installed


def distributions_in(environment: Path) -> dict[str, list[str]]:
    """The files of each distribution in ``environment``, but not of what Python brings along."""
    (site,) = environment.glob("lib/python*/site-packages")
    found = {
        name_of(one.name): sorted(map(str, one.files or ()))
        for one in distributions(path=[str(site)])
    }
    return {name: files for name, files in found.items() if name not in ("pip", "setuptools")}


def main() -> None:
    """Build the first stage, and compare it."""
    with tempfile.TemporaryDirectory() as folder:
        found = distributions_in(build(Path(folder)))
    lists.compare_modules("the image", found.pop("frontdesk"), project_files())
    lists.compare("image", lists.in_image(found))
    click.echo("ok  the image is built of what is listed")


if __name__ == "__main__":
    main()
