"""Search for bytes that crash a target, guided by the code that they reach.

``python -m tests.fuzz.run TARGET SECONDS``. Bytes that reach new code are stored in
``build/fuzz/TARGET`` for the next search, bytes that crash beside it. Add those to the
payloads, with a test.
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

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
AT_MOST_SECONDS = 2
AT_MOST_MEBIBYTES = 1024
"""Of the whole process; instrumented code uses more memory."""


def search(name: str, target: Target, seconds: int) -> None:
    """Send bytes to ``target``; end the process, with an error if some bytes crash it."""
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
