"""Run a program that unpacks the same zips again and again: unpack each once, and then link it.

    python deploy/linked_code.py .venv-ministack/bin/uvicorn ministack.app:app

The emulator unpacks the 1,500 files of a function's code for each process that runs it. That takes
as long as everything else that most of these processes do.
"""

import runpy
import signal
import sys
import tempfile
from pathlib import Path
from threading import Lock
from zipfile import ZipFile

unpack = ZipFile.extractall
unpacked: dict[tuple[tuple[str, int], ...], tempfile.TemporaryDirectory[str]] = {}
"""By names and checksums. They are removed when the program ends."""
unpacking = Lock()


def link(archive: ZipFile, path: str) -> None:
    """Make the empty folder ``path`` a link to the files of ``archive``."""
    contents = tuple((entry.filename, entry.CRC) for entry in archive.infolist())
    with unpacking:
        if contents not in unpacked:
            unpacked[contents] = tempfile.TemporaryDirectory(prefix="unpacked-")
            unpack(archive, unpacked[contents].name)
    folder = Path(path)
    folder.rmdir()
    folder.symlink_to(unpacked[contents].name)


if __name__ == "__main__":
    ZipFile.extractall = link  # type: ignore[method-assign, assignment]
    # uvicorn sends itself the signal again when it has ended. This end removes what is unpacked.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
