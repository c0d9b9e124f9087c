"""A browser without scripts: it signs in, looks at pages and posts their forms."""

import re
from dataclasses import replace
from html import unescape

from tests.entrypoints.http.api.clients import Api, cookie_of


def signed_in(api: Api) -> Api:
    """A browser that signed in with the token of ``api``."""
    browser = Api(api.frontdesk)
    token = api.headers["authorization"].partition(" ")[2]
    response = browser.post_form("/sign-in", {"token": token})
    assert response.status == 303, response.data
    return replace(browser, headers={"cookie": cookie_of(response)})


def page(browser: Api, path: str, status: int = 200, **headers: str) -> str:
    """What stands in the page at ``path``, as it was sent."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = browser.call("GET", path, headers=names)
    assert response.status == status, response.data
    return response.data.decode()


def text_of(html: str) -> str:
    """What a person reads of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def csrf_token_in(html: str) -> str:
    """The token with which its forms are posted."""
    found = re.search(r'name="csrf_token" value="(\w+)"', html)
    assert found
    return found[1]
