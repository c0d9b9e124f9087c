"""A browser at the simulator, without its screen: forms as browsers post them."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from urllib3.filepost import encode_multipart_formdata

from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.entrypoints.http.api.clients import Api, cookie_of, running_locally
from tests.entrypoints.http.console.browsing import csrf_token_in, text_of

FormFile = tuple[str, str, bytes, str]
"""The name of its field, then the file's name, content and type."""

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@dataclass(frozen=True)
class Simulator:
    """The simulator of a front desk, for a browser that signed in with a token.

    ``headers`` are what a proxy adds to each request, and ``public`` is the origin before it.
    """

    api: Api
    token: str
    headers: dict[str, str] = field(default_factory=dict)
    public: str = ""

    @property
    def origin(self) -> str:
        """The origin that the browser sees."""
        return self.public or self.api.frontdesk.origin

    @cached_property
    def browser(self) -> Api:
        """The browser with its session."""
        browser = Api(self.api.frontdesk, self.headers)
        signed_in = browser.post_form("/sign-in", {"token": self.token}, origin=self.origin)
        return Api(browser.frontdesk, {**self.headers, "cookie": cookie_of(signed_in)})

    def page(self, query: str = "") -> str:
        """The page with a form in it."""
        response = self.browser.call("GET", f"/simulator{query}")
        assert response.status == 200, response.data
        return response.data.decode()

    @cached_property
    def csrf_token(self) -> str:
        """What proves that a form is of this session."""
        return csrf_token_in(self.page())

    def post(
        self,
        channel: str,
        fields: Mapping[str, str] | None = None,
        files: Sequence[FormFile] = (),
        path: str = "/simulator",
        headers: Mapping[str, str] | None = None,
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
        sent = {"origin": self.origin, **self.browser.headers, **(headers or {})}
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


@contextmanager
def simulating(data_dir: Path, **environ: str) -> Iterator[Simulator]:
    """The simulator of a front desk of its own, which has its development secret."""
    with running_locally(data_dir, **environ) as api:
        keep_development_credentials(data_dir)
        yield Simulator(api, keep_local_token(data_dir))


def problems_of(page: str) -> dict[str, str]:
    """What is told beside fields, by the ids of the fields."""
    found = re.findall(r'<p class="wrong" id="([^"]*)-problem">(.*?)</p>', page)
    return {name: html.unescape(text) for name, text in found}


def sent_ids(page: str) -> list[str]:
    """The ids of the messages that the page follows."""
    return html.unescape(dict(_HIDDEN.findall(page))["sent"]).splitlines()
