"""Run a program that unpacks the same zips again and again: unpack each once, and then link it.

    python deploy/linked_code.py .venv-ministack/bin/ministack

The emulator unpacks the 1,500 files of a function's code for each process that runs it. That takes
as long as everything else that most of these processes do.
"""

import os
import runpy
import shutil
import sys
import tempfile
from threading import Lock
from zipfile import ZipFile

unpack = ZipFile.extractall
unpacked: dict[tuple[tuple[str, int], ...], tempfile.TemporaryDirectory[str]] = {}
"""By names and checksums. They are removed when the program ends."""
unpacking = Lock()


def link(archive: ZipFile, path: str) -> None:
    """Fill the empty folder ``path`` with links to the files of ``archive``."""
    contents = tuple((entry.filename, entry.CRC) for entry in archive.infolist())
    with unpacking:
        if contents not in unpacked:
            unpacked[contents] = tempfile.TemporaryDirectory(prefix="unpacked-")
            unpack(archive, unpacked[contents].name)
    shutil.copytree(unpacked[contents].name, path, copy_function=os.link, dirs_exist_ok=True)


if __name__ == "__main__":
    ZipFile.extractall = link  # type: ignore[method-assign, assignment]
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
