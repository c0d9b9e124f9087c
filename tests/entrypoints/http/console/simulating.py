"""A browser at the simulator, without its screen: forms as browsers post them."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import urllib3
from urllib3.filepost import encode_multipart_formdata

from tests.entrypoints.http.api.clients import Api, cookie_of

FormFile = tuple[str, str, bytes, str]
"""The name of its field, then the file's name, content and type."""

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@dataclass(frozen=True)
class Simulator:
    """The simulator of a front desk, for a browser that signed in with a token."""

    api: Api
    token: str

    @cached_property
    def browser(self) -> Api:
        """The browser with its session."""
        browser = Api(self.api.frontdesk)
        return Api(
            browser.frontdesk,
            {"cookie": cookie_of(browser.post_form("/sign-in", {"token": self.token}))},
        )

    def page(self, query: str = "") -> str:
        """The page with a form in it."""
        response = self.browser.call("GET", f"/simulator{query}")
        assert response.status == 200, response.data
        return response.data.decode()

    @cached_property
    def csrf_token(self) -> str:
        """What proves that a form is of this session."""
        return str(dict(_HIDDEN.findall(self.page()))["csrf_token"])

    def post(
        self,
        channel: str,
        fields: Mapping[str, str] | None = None,
        files: Sequence[FormFile] = (),
        path: str = "/simulator",
        **headers: str,
    ) -> urllib3.BaseHTTPResponse:
        """The answer to the form of ``channel``, filled in as it is at first but for ``fields``."""
        filled = {
            **self.defaults(channel),
            "csrf_token": self.csrf_token,
            **(fields or {}),
        }
        parts: list[tuple[str, Any]] = [
            *filled.items(),
            *((name, (filename, content, kind)) for name, filename, content, kind in files),
        ]
        body, content_type = encode_multipart_formdata(parts)
        sent = {"origin": self.api.frontdesk.origin, **self.browser.headers, **headers}
        return self.api.frontdesk.client.request(
            "POST",
            self.api.frontdesk.origin + path,
            body=body,
            headers={**sent, "content-type": content_type},
            redirect=False,
        )

    def send(
        self, channel: str, fields: Mapping[str, str] | None = None, files: Sequence[FormFile] = ()
    ) -> str:
        """The page after ``post``, which did what the form says."""
        response = self.post(channel, fields, files)
        assert response.status == 200, text_of(response.data.decode())
        return response.data.decode()

    def defaults(self, channel: str) -> dict[str, str]:
        """What stands in the form at first, by the names of its fields."""
        page = self.page(f"?channel={channel}")
        return dict(_HIDDEN.findall(page)) | _values(page)


def _values(page: str) -> dict[str, str]:
    form = page[page.index('id="compose"') : page.index("Send the webhook")]
    lines = re.findall(
        r'<input(?: type="number")? id="[^"]*" name="([^"]*)"[^>]* value="([^"]*)"', form
    )
    texts = re.findall(r'<textarea id="[^"]*" name="([^"]*)"[^>]*>\n([^<]*)</textarea>', form)
    choices = re.findall(
        r'<select id="[^"]*" name="([^"]*)".*?value="([^"]*)" selected', form, re.DOTALL
    )
    return {name: html.unescape(text) for name, text in (*lines, *texts, *choices)}


def problems_of(page: str) -> dict[str, str]:
    """What is told beside fields, by the ids of the fields."""
    found = re.findall(r'<p class="problem" id="([^"]*)-problem">(.*?)</p>', page)
    return {name: html.unescape(text) for name, text in found}


def sent_ids(page: str) -> list[str]:
    """The ids of the messages that the page follows."""
    return html.unescape(dict(_HIDDEN.findall(page))["sent"]).splitlines()


def text_of(page: str) -> str:
    """What a person reads."""
    main = page[page.index("<main") : page.index("</main>")]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))
