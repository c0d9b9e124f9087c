"""Spooled requests as JSON documents in ASCII; a large request may lie elsewhere."""

import json
from collections.abc import Callable

from application.ports.spool import SpoolEntry
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.request_json import request_from_json, request_to_json


def entry_to_json(entry: SpoolEntry, *, request_reference: str | None = None) -> str:
    """An entry with its request complete, or with a reference instead of it."""
    request = (
        {"request": request_to_json(entry.request)}
        if request_reference is None
        else {"request_reference": request_reference}
    )
    content = {
        "entry_id": entry.entry_id,
        "group": entry.group,
        "account": entry.account,
        "spooled_at": rfc3339(entry.spooled_at),
        **request,
    }
    return json.dumps(content)


def entry_from_json(
    text: str | bytes, read_reference: Callable[[str], bytes] | None = None
) -> SpoolEntry:
    """What ``entry_to_json`` wrote; ``ValueError`` for anything else.

    A request that lies elsewhere is the JSON that ``read_reference`` returns, or raises for.
    """
    try:
        content = json.loads(text)
        if read_reference is not None and "request_reference" in content:
            content["request"] = json.loads(read_reference(str(content["request_reference"])))
        return SpoolEntry(
            entry_id=content["entry_id"],
            group=content["group"],
            account=content["account"],
            request=request_from_json(content["request"]),
            spooled_at=parse_rfc3339(content["spooled_at"]),
        )
    except (LookupError, TypeError) as error:
        raise ValueError("not a spooled request") from error
