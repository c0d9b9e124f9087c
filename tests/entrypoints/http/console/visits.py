"""People who look at the console without a browser, and send its forms as browsers do."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from re import sub
from urllib.parse import urlencode

import urllib3

from tests.entrypoints.http.api.clients import Api, cookie_of

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202e" + "x" * 300
"""What a stranger may write anywhere."""


def shown(page: urllib3.BaseHTTPResponse) -> str:
    """What a person reads of a page, blanks as one."""
    return sub(r"\s+", " ", unescape(sub(r"<[^>]*>", " ", page.data.decode())))


@dataclass(frozen=True)
class Visit:
    """A browser that has signed in."""

    api: Api
    csrf_token: str

    def get(self, path: str, **parameters: str) -> urllib3.BaseHTTPResponse:
        """A page, whatever its status."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.api.call("GET", path + query)

    def text(self, path: str, **parameters: str) -> str:
        """What a person reads at ``path``."""
        page = self.get(path, **parameters)
        assert page.status == 200, page.data
        return shown(page)

    def post(self, path: str, fields: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """The answer to a form of this session."""
        return self.api.post_form(path, {"csrf_token": self.csrf_token, **(fields or {})})


def visit(api: Api) -> Visit:
    """Sign in with the token of ``api``."""
    token = api.headers["authorization"].removeprefix("Bearer ")
    answer = Api(api.frontdesk).post_form("/sign-in", {"token": token})
    browser = Api(api.frontdesk, {"cookie": cookie_of(answer)})
    return Visit(browser, str(browser.get("/v1/session")["csrf_token"]))
