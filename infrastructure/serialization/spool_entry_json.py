"""Spool entries as JSON documents in ASCII; a large request may lie elsewhere."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from application.ports.spool import SpoolEntry
from domain.channels import channel_in_path
from domain.errors import RefusedError
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.webhook_json import (
    VERSION,
    read_document,
    webhook_from_json,
    webhook_to_json,
)


def entry_to_json(entry: SpoolEntry, *, request_reference: str | None = None) -> str:
    """An entry with its request complete, or with a reference instead of it."""
    content = {
        "version": VERSION,
        "entry_id": entry.entry_id,
        "group": entry.group,
        "spooled_at": rfc3339(entry.spooled_at),
        "webhook": webhook_to_json(entry.webhook, request_reference=request_reference),
    }
    return json.dumps(content)


def entry_from_json(
    text: str | bytes, read_reference: Callable[[str], bytes] | None = None
) -> SpoolEntry:
    """What ``entry_to_json`` wrote; for anything else a ``ValueError`` that says what it is.

    A request that lies elsewhere is the JSON that ``read_reference`` returns, or raises for.
    """

    def build(content: Any) -> SpoolEntry:  # noqa: ANN401 - whatever was in the document
        return SpoolEntry(
            entry_id=content["entry_id"],
            group=content["group"],
            webhook=webhook_from_json(content["webhook"], read_reference),
            spooled_at=parse_rfc3339(content["spooled_at"]),
        )

    return read_document(text, "spool entry", build)


def old_entry_from_json(
    text: str | bytes, read_reference: Callable[[str], bytes]
) -> SpoolEntry | None:
    """What an unreleased version wrote, which named neither version nor channel; else ``None``."""
    try:
        content = json.loads(text)
        if "version" in content:
            return None
        request = content.get("request")
        request = request or json.loads(read_reference(content["request_reference"]))
        webhook = {
            "channel": channel_in_path(urlsplit(request["url"]).path),
            "account": content["account"],
            "id": content["entry_id"],
            "request": request,
        }
        return entry_from_json(json.dumps({**content, "version": VERSION, "webhook": webhook}))
    except (LookupError, TypeError, AttributeError, ValueError, RefusedError):
        return None
