"""Pages from templates. Imported with the first page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from entrypoints.http.access.access import Caller
from entrypoints.http.access.guard import CALLER
from entrypoints.http.console.assets import asset_address
from entrypoints.http.console.words import FILTERS
from infrastructure.configuration.secrets.access_tokens import Scope

_TEMPLATES = Path(__file__).parent / "templates"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    # Else a page that opened this one could count its frames: another port is the same site.
    "cross-origin-opener-policy": "same-origin",
    # With 'no-referrer' browsers would send 'Origin: null' with the forms of these pages. To
    # other sites this sends nothing either: the address may have a sign-in code in it.
    "referrer-policy": "same-origin",
}


@cache
def environment() -> Environment:
    """The templates. Whatever they write is escaped; a name that they do not have is an error."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(FILTERS)
    templates.globals["asset"] = asset_address
    return templates


def html_response(
    template: str, context: Mapping[str, object], status: int = HTTPStatus.OK
) -> Response:
    """A page, with the headers that each has."""
    text = environment().get_template(template).render(context)
    return HTMLResponse(text, status, dict(PAGE_HEADERS))


@dataclass(frozen=True, slots=True)
class Page:
    """Renders the pages for one request: with who looks, and what this front desk is."""

    request: Request
    now: datetime
    is_development: bool

    def __call__(
        self, template: str, /, status: int = HTTPStatus.OK, **context: object
    ) -> Response:
        """The page that ``template`` makes of ``context``."""
        return html_response(template, {**self._context, **context}, status)

    @property
    def caller(self) -> Caller:
        """Who looks."""
        caller: Caller = self.request.scope[CALLER]
        return caller

    @property
    def _context(self) -> dict[str, object]:
        caller, url = self.caller, self.request.url
        address = quote(url.path, safe="/%") + (f"?{url.query}" if url.query else "")
        return {
            "now": self.now,
            "is_development": self.is_development,
            "address": address if self.request.method == "GET" else None,
            "path": url.path,
            "token_name": caller.token.name,
            "csrf_token": caller.session.csrf_token if caller.session else "",
            "may_write": Scope.WRITE in caller.token.scopes,
            "sees_all": caller.token.companies is None,
            "companies": sorted(caller.token.companies or ()),
        }
