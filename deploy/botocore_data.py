"""botocore's data as the package has it: quicker to read than as it comes."""

import gzip
import json
from pathlib import Path
from typing import Any

from deploy.contents import AWS_SERVICES


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
