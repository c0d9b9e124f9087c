"""A browser without scripts: it signs in, looks at pages and posts their forms."""

import re
from dataclasses import replace
from html import unescape

import urllib3

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
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html.replace("<wbr>", ""))))


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


def pressed(session: Api, page: str, ending: str, name: str) -> urllib3.BaseHTTPResponse:
    """The answer to the form whose address ends so and whose button has this name."""
    [(address, fields)] = [
        (address, fields)
        for (address, button), fields in forms(page).items()
        if address.endswith(ending) and button == name
    ]
    return session.post_form(address, fields)
