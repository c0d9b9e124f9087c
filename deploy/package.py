"""Make the zip that Lambda runs: Frontdesk, what it needs of its dependencies, compiled.

    python -m deploy.package                    for Lambda: Python 3.13 on arm64
    python -m deploy.package --python current   for this interpreter, to try the zip out: with the
                                                distributions that are installed for it

boto3 is packed although Lambda has one: pinned, it changes when we change it. The zip is the
same, byte for byte, whenever its contents are.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from deploy.botocore_data import slim_botocore
from deploy.contents import CONTENTS, pick
from deploy.release.hashes import HASHED, blocks, pins

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_OUTPUT = ROOT / "build" / "frontdesk-lambda.zip"

PROJECT = ("domain", "application", "infrastructure", "entrypoints")
LAYERS = ("server", "aws")
NOT_ON_LAMBDA = ("entrypoints/cli/", "entrypoints/http/", "entrypoints/simulation/")

LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""arm64, on Amazon Linux 2023 with glibc 2.34."""

TASK_ROOT = "/var/task"
"""Where Lambda unpacks the zip: tracebacks name the files there."""

LARGEST_SHOWN = 12
_EPOCH = (1980, 1, 1, 0, 0, 0)


def install(site: Path, python: str) -> None:
    """Install the pinned distributions into ``site``, from wheels with their hashes alone."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--no-deps", "--only-binary=:all:", "--target", str(site)]
    command += ["--implementation", "cp", "--python-version", python]
    command += [f"--platform={platform}" for platform in LAMBDA_PLATFORMS]
    hashed = blocks(_hashed())
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as needed:
        needed.write("".join(hashed[distribution] for distribution in CONTENTS))
        needed.flush()
        _run(*command, "--require-hashes", "--requirement", needed.name)


def installed() -> Path:
    """Where the pinned distributions are installed for this interpreter.

    Raises a ``ClickException`` for one that is not, or in another version.
    """
    pinned = pins(_hashed())
    for name in CONTENTS:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found != pinned[name]:
            needed = f"{name}: {pinned[name]} is needed, {found} is installed: see CONTRIBUTING.md"
            raise click.ClickException(needed)
    return Path(sysconfig.get_path("purelib"))


def _hashed() -> str:
    return "".join((HASHED / f"{layer}.txt").read_text("utf-8") for layer in LAYERS)


def project_files() -> list[str]:
    """Every file of our packages, as a path in the repository."""
    found = (path for package in PROJECT for path in (ROOT / package).rglob("*") if path.is_file())
    return sorted(_name(path) for path in found if path.parent.name != "__pycache__")


def files_on_lambda() -> list[str]:
    """Those of our files that the package holds: not the other entrypoints.

    Type checkers look for ``py.typed`` where Frontdesk is installed, and not on Lambda.
    """
    return [
        name
        for name in project_files()
        if not name.startswith(NOT_ON_LAMBDA) and not name.endswith("/py.typed")
    ]


def copy_project(target: Path) -> None:
    """Copy what the package holds of our packages."""
    for name in files_on_lambda():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def compiler(python: str) -> str | None:
    """An interpreter of version ``python`` that runs here; ``None`` if there is none."""
    if python == "current":
        return sys.executable
    found = shutil.which(f"python{python}")
    # A version manager may have a shim of that name with nothing behind it.
    return found if found and _run(found, "-c", "", check=False) == 0 else None


def compile_all(target: Path, interpreter: str) -> None:
    """Compile every module. Nothing looks at the sources' times: unpacking changes them."""
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", TASK_ROOT]
    _run(interpreter, "-m", "compileall", *options, str(target))


def _run(*command: str, check: bool = True) -> int:
    """The status of ``command``, which says what is wrong itself."""
    errors = None if check else subprocess.DEVNULL
    return subprocess.run(command, check=check, stderr=errors).returncode  # noqa: S603 - ours


def write_zip(source: Path, output: Path, compression: int) -> None:
    """Pack ``source``, in order and without times."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", compresslevel=9) as archive:
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _EPOCH)
            entry.external_attr = (0o100755 if path.suffix == ".so" else 0o100644) << 16
            entry.compress_type = compression
            archive.writestr(entry, path.read_bytes())


def sizes(package: Path) -> dict[str, int]:
    """The bytes of each file and folder at the top of the zip once it is unpacked."""
    found: dict[str, int] = {}
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            top = entry.filename.partition("/")[0]
            found[top] = found.get(top, 0) + entry.file_size
    return found


def report(output: Path) -> list[str]:
    """The size of the zip, and what is largest in it once it is unpacked."""
    largest = sorted(sizes(output).items(), key=lambda item: -item[1])
    lines = [f"  {_megabytes(size):>9}  {name}" for name, size in largest[:LARGEST_SHOWN]]
    rest = sum(size for _, size in largest[LARGEST_SHOWN:])
    lines.append(f"  {_megabytes(rest):>9}  {len(largest[LARGEST_SHOWN:])} others")
    unpacked = _megabytes(sum(size for _, size in largest))
    return [f"{output}: {_megabytes(output.stat().st_size)}, unpacked {unpacked}", *lines]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.2f} MB"


@click.command(help=__doc__.partition("\n")[0])
@click.option("--python", default=LAMBDA_PYTHON, show_default=True, help="A version, or 'current'.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_OUTPUT,
    help="Where the zip goes.  [default: build/frontdesk-lambda.zip]",
)
def main(python: str, output: Path) -> None:
    """Make the zip and say what is in it."""
    with tempfile.TemporaryDirectory() as folder:
        site, staging = Path(folder, "site"), Path(folder, "staging")
        if python == "current":
            site = installed()
        else:
            install(site, python)
        pick(site, staging)
        slim_botocore(staging)
        copy_project(staging)
        interpreter = compiler(python)
        if interpreter:
            compile_all(staging, interpreter)
        # On this machine nothing is sent anywhere, and the emulator unpacks it again and again.
        is_local = python == "current"
        write_zip(staging, output, zipfile.ZIP_STORED if is_local else zipfile.ZIP_DEFLATED)
    for line in report(output):
        click.echo(line)
    if interpreter:
        click.echo(f"compiled by {interpreter}")
    else:
        click.echo(f"NOT compiled, so that it starts slowly: no python{python} runs here", err=True)


if __name__ == "__main__":
    main()
