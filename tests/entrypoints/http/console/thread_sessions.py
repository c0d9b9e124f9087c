"""Browsers without a browser: sessions that ask for pages and post their forms."""

import re
from html import unescape

import urllib3

from tests.entrypoints.http.api.clients import Api, cookie_of


def signed_in(api: Api) -> Api:
    """A session of the token of ``api``."""
    token = api.headers["authorization"].partition(" ")[2]
    answer = Api(api.frontdesk).post_form("/sign-in", {"token": token})
    assert answer.status == 303
    return Api(api.frontdesk, {"cookie": cookie_of(answer)})


def shown(session: Api, path: str, status: int = 200) -> str:
    """The page at ``path``."""
    answer = session.call("GET", path)
    assert answer.status == status, answer.data
    return answer.data.decode()


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
