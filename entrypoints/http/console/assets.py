"""Style, scripts and pictures of the console, each under an address that names its content."""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

DIRECTORY = Path(__file__).parent / "assets"
PREFIX = "/assets"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Asset:
    """A file as browsers get it."""

    name: str
    content: bytes

    @cached_property
    def address(self) -> str:
        """Another content has another address: so browsers keep it for good."""
        return f"{PREFIX}/{hashlib.sha256(self.content).hexdigest()[:16]}/{self.name}"

    @cached_property
    def compressed(self) -> bytes:
        """The same, compressed once."""
        return gzip.compress(self.content, mtime=0)

    def response(self, *, accepts_gzip: bool) -> Response:
        """The answer to a browser."""
        content_type = _TYPES[Path(self.name).suffix]
        headers = {**_HEADERS, "content-type": content_type}
        if accepts_gzip:
            return Response(self.compressed, headers={**headers, "content-encoding": "gzip"})
        return Response(self.content, headers=headers)


@cache
def assets() -> dict[str, Asset]:
    """Every asset by its name, which is its path below the directory."""
    return {asset.name: asset for asset in _read()}


def _read() -> Iterable[Asset]:
    for path in DIRECTORY.rglob("*"):
        if path.suffix in _TYPES:
            yield Asset(path.relative_to(DIRECTORY).as_posix(), path.read_bytes())


def asset_address(name: str) -> str:
    """Where browsers get the asset with this name."""
    return assets()[name].address


async def serve_assets(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an asset. Nobody needs a token for it: the pages to sign in have some, too."""
    name = scope["path"].removeprefix(PREFIX).lstrip("/").partition("/")[2]
    asset = assets().get(name)
    response = Response("There is no such asset.", 404, media_type="text/plain")
    if asset is not None and asset.address == scope["path"] and scope["method"] in {"GET", "HEAD"}:
        accepts_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        response = asset.response(accepts_gzip=accepts_gzip)
    await response(scope, receive, send)
