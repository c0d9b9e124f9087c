"""The function's package, made for Lambda and compared with the stored list.

python -m deploy.release.function
"""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import click

from deploy.package import PROJECT, files_on_lambda
from deploy.release import lists
from deploy.release.hashes import ROOT

_OURS = tuple(f"{package}/" for package in PROJECT)


def lines(names: Iterable[str]) -> list[str]:
    """The lines of a package that holds the files ``names``. What is compiled does not count."""
    sources = [name for name in names if "__pycache__" not in name]
    ours = [name for name in sources if name.startswith(_OURS)]
    # The other files of a distribution are named in deploy/contents.py, and nothing else is packed.
    metadata = [name for name in sources if name.endswith(".dist-info/METADATA")]
    return lists.summary(ours) + lists.distributions(name.split("-")[0] for name in metadata)


def main() -> None:
    """Make the package, and compare it."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "function.zip")
        command = [sys.executable, "-m", "deploy.package", "--output", str(package)]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ours
        names = zipfile.ZipFile(package).namelist()
    lists.compare("function", lines(names))
    lists.compare_modules("the function", names, files_on_lambda())
    click.echo("ok  the function holds what is listed")


if __name__ == "__main__":
    main()
