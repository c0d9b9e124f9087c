"""A browser without scripts: it signs in, looks at pages and posts their forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urlencode

import urllib3

from tests.entrypoints.http.api.clients import Api, cookie_of

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202e" + "x" * 300
"""What a stranger may write anywhere."""


def signed_in(api: Api) -> Api:
    """A browser that signed in with the token of ``api``."""
    browser = Api(api.frontdesk)
    token = api.headers["authorization"].partition(" ")[2]
    response = browser.post_form("/sign-in", {"token": token})
    assert response.status == 303, response.data
    return replace(browser, headers={"cookie": cookie_of(response)})


@dataclass(frozen=True)
class Visit:
    """A browser that has signed in, and what its session posts forms with."""

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
    browser = signed_in(api)
    return Visit(browser, str(browser.get("/v1/session")["csrf_token"]))


def page(browser: Api, path: str, status: int = 200, **headers: str) -> str:
    """What stands in the page at ``path``, as it was sent."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = browser.call("GET", path, headers=names)
    assert response.status == status, response.data
    return response.data.decode()


def text_of(html: str) -> str:
    """What a person reads of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))))


def shown(page: urllib3.BaseHTTPResponse) -> str:
    """What a person reads of an answer."""
    return text_of(page.data.decode())


def csrf_token_in(html: str) -> str:
    """The token with which its forms are posted."""
    found = re.search(r'name="csrf_token" value="(\w+)"', html)
    assert found
    return found[1]


def forms(page: str) -> dict[tuple[str, str], dict[str, str]]:
    """The fields of each form with one button, by its address and the name on its button."""
    found = {}
    for form in re.findall(r'<form class="action".*?</form>', page, re.DOTALL):
        address = unescape(re.search(r'action="([^"]*)"', form)[1])  # type: ignore[index]  # has one
        name = re.search(r"<button[^>]*>([^<]*)", form)[1].strip()  # type: ignore[index]  # the same
        fields = re.findall(r'name="([^"]*)" value="([^"]*)"', form)
        found[address, name] = {unescape(key): unescape(value) for key, value in fields}
    return found


def names_of_buttons(page: str) -> list[tuple[str, str]]:
    """What stands on each button of a page that has another accessible name, and that name."""
    found = re.findall(r'<button[^>]*? aria-label="([^"]*)"[^>]*>([^<]*)</button>', page)
    return [(unescape(text).strip(), unescape(label)) for label, text in found]


def pressed(session: Api, page: str, ending: str, name: str) -> urllib3.BaseHTTPResponse:
    """The answer to the form whose address ends so and whose button has this name."""
    [(address, fields)] = [
        (address, fields)
        for (address, button), fields in forms(page).items()
        if address.endswith(ending) and button == name
    ]
    return session.post_form(address, fields)
