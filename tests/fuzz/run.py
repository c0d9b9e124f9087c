"""Search for bytes that a target chokes on, led by what code they reach.

``python -m tests.fuzz.run TARGET SECONDS``. What was found to reach new code is kept in
``build/fuzz/TARGET`` for the next search, what crashes beside it. It belongs to the payloads
then, with a test.
"""

import logging
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # the package has no type information

with atheris.instrument_imports(
    include=["domain", "application", "infrastructure", "entrypoints", "multipart"]
):
    from tests.faults.fuzzed_frontdesk import fuzzed_frontdesk
    from tests.fuzz.targets import TARGETS, Target

BUILD = Path(__file__).parents[1] / "build" / "fuzz"
AT_MOST_SECONDS = 2
AT_MOST_MEBIBYTES = 1024
"""Of the whole process: code that is watched takes more than code that is not."""


def search(name: str, target: Target, seconds: int) -> None:
    """Throw bytes at ``target``; ends the process, with an error if one of them crashes it."""
    corpus = BUILD / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={AT_MOST_SECONDS}",
        f"-rss_limit_mb={AT_MOST_MEBIBYTES}",
        f"-artifact_prefix={BUILD}/{name}-",
        "-max_len=65536",
        "-print_final_stats=1",
    ]
    with fuzzed_frontdesk() as frontdesk:
        atheris.Setup(
            [sys.argv[0], *options, str(corpus)], lambda data: target.post(frontdesk, data)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    logging.disable(logging.INFO)
    search(sys.argv[1], TARGETS[sys.argv[1]], int(sys.argv[2]))
