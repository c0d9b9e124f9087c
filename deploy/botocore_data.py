"""What the packaged dependencies can do without, on Lambda.

Every rule is about something that nothing of ours can reach; the test of the package sends
messages and mail through what is left, and answers through every sender.
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AWS_SERVICES = frozenset({"dynamodb", "sqs", "s3", "secretsmanager"})

UNREACHED = (
    # Twilio's asynchronous client and its access tokens
    *("aiohttp", "aiohttp_retry", "aiosignal", "aiohappyeyeballs", "frozenlist", "multidict"),
    *("propcache", "yarl", "attr", "attrs", "jwt", "twilio/jwt", "twilio/twiml"),
    # boto3's resource API, and examples for its documentation
    *("boto3/data", "boto3/dynamodb", "boto3/ec2", "boto3/examples"),
    # what compiles C for cryptography, when that is built
    *("cffi", "pycparser"),
    # lxml beside its parsers
    *("lxml/includes", "lxml/isoschematron", "lxml/objectify*.so"),
    # commands
    "bin",
)
NOT_RUN = ("*.c", "*.cpp", "*.h", "*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.whl", "py.typed")
KEPT_OF_METADATA = frozenset({"METADATA"})


def prune(target: Path) -> None:
    """Remove what is never reached from the packages in ``target``."""
    for path in [*_unreached(target)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in NOT_RUN:
        for path in target.rglob(pattern):
            path.unlink()


def _unreached(target: Path) -> Iterator[Path]:
    for pattern in UNREACHED:
        yield from target.glob(pattern)
    for path in (target / "twilio" / "rest").iterdir():
        # The client imports each of Twilio's products when it is asked for: we ask for one.
        if path.name not in {"__init__.py", "api"}:
            yield path
    for path in (target / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in AWS_SERVICES:
            yield path
    yield from target.glob("botocore/data/*/*/examples-1.json*")
    for folder in target.glob("*.dist-info"):
        yield from (path for path in folder.iterdir() if path.name not in KEPT_OF_METADATA)


def slim_botocore(target: Path) -> None:
    """Rewrite botocore's data: unpacked, without documentation, and for our services alone.

    A client reads all of it when it is built, which is most of what building one costs.
    """
    data = target / "botocore" / "data"
    for path in [*data.rglob("*.json.gz"), *data.rglob("*.json")]:
        packed = path.suffix == ".gz"
        content = json.loads(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
        if path.name == "endpoints.json":
            content = _our_endpoints(content)
        path.unlink()
        path.with_name(path.name.removesuffix(".gz")).write_text(
            json.dumps(_undocumented(content), separators=(",", ":")), "utf-8"
        )


def _undocumented(node: object) -> object:
    if isinstance(node, list):
        return [_undocumented(item) for item in node]
    if isinstance(node, dict):
        return {
            # The one place where botocore itself reads what is documented.
            key: value if key == "clientContextParams" else _undocumented(value)
            for key, value in node.items()
            # A member of a shape may have that name too, but is never a text.
            if not (key == "documentation" and isinstance(value, str))
        }
    return node


def _our_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {n: s for n, s in services.items() if n in AWS_SERVICES}
    return endpoints
