"""Build what is released, and check it: ``make release``.

Wheel, source and SBOM go to ``build/release``. What the wheel holds is compared with the stored
list. It is installed alone, and plays the README's session.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.package import project_files
from deploy.release import lists, vendored
from deploy.release.hashes import HASHED, ROOT
from deploy.release.lists import NotReadyError, compare, compare_modules

OUTPUT = ROOT / "build" / "release"
TOOLS = ROOT / ".venv-release" / "bin"
UV = (TOOLS / "uv", "--quiet", "--no-config")
INSTALL = (*UV, "pip", "install", "--python")
SESSION = "tests/documentation/test_readme.py"


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say that ``name`` is done, and how long it took. Raises ``NotReadyError`` if it fails."""
    started = time.monotonic()
    try:
        yield
    except subprocess.CalledProcessError as error:
        raise NotReadyError(f"{name}: {error}\n{error.stdout}{error.stderr}") from error
    click.echo(f"ok  {name} ({time.monotonic() - started:.0f} s)")


def run(*command: str | Path, **environ: str) -> str:
    """What ``command`` prints. Raises CalledProcessError."""
    words = [str(word) for word in command]
    environ = {**os.environ, **environ}
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return done.stdout.strip()


def version() -> str:
    """The version that is released: it stands in ``pyproject.toml`` alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def build() -> Path:
    """The wheel, built from the source that is released with it."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    run(TOOLS / "python", "-m", "build", "--no-isolation", "--outdir", OUTPUT, ".")
    return OUTPUT / f"frontdesk-{version()}-py3-none-any.whl"


def install(environment: Path, *layers: str) -> None:
    """Install what a release needs, by its hashes."""
    files = [("--requirement", HASHED / f"{layer}.txt") for layer in layers]
    run(*INSTALL, environment, "--require-hashes", *(part for pair in files for part in pair))


def install_alone(wheel: Path, environment: Path) -> None:
    """Install the wheel and what it needs, by its hashes, into a new environment."""
    run(*UV, "venv", "--python", sys.executable, environment)
    install(environment, "server")
    run(*INSTALL, environment, "--offline", "--no-deps", wheel)


def play_session(commands: Path) -> None:
    """Play the README's session with the command in ``commands``, outside the repository."""
    where = run(commands / "python", "-I", "-c", "import entrypoints; print(entrypoints.__file__)")
    if not where.startswith(str(commands.parent)):
        raise NotReadyError(f"the installed command would run {where}")
    if (said := run(commands / "frontdesk", "--version")) != f"frontdesk {version()}":
        raise NotReadyError(f"the version is {version()}, and the command says {said}")
    run(sys.executable, "-m", "pytest", "-q", SESSION, FRONTDESK_BIN=str(commands))


def check_wheel(wheel: Path) -> None:
    """Compare what the wheel holds."""
    names = zipfile.ZipFile(wheel).namelist()
    compare("wheel", lists.wheel(names))
    compare_modules("the wheel", names, project_files())


def describe(environment: Path) -> None:
    """Write the SBOM of what is in ``environment`` and of what AWS needs beside it."""
    install(environment, "server", "aws")
    sbom = OUTPUT / f"frontdesk-{version()}.cdx.json"
    run(TOOLS / "python", "-m", "deploy.release.sbom", environment, sbom)


@click.command(help=__doc__.partition("\n")[0])
def main() -> None:
    """Do each step; the first that fails ends it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step("wheel and source are built"):
            wheel = build()
        with step("the wheel holds what is listed"):
            check_wheel(wheel)
        with step("files of others are listed with their hashes"):
            if wrong := vendored.problems(vendored.ASSETS):
                raise NotReadyError("\n".join(wrong))
        with step("the wheel alone plays the session of the README"):
            install_alone(wheel, folder / "alone")
            play_session(folder / "alone" / "bin")
        with step("the SBOM has every pinned version, and a licence for each"):
            describe(folder / "alone")
    for path in sorted(OUTPUT.iterdir()):
        click.echo(f"    {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
