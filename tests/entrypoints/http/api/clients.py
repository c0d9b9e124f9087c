"""A running front desk and clients of its API: programs, browsers, and pages elsewhere."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from entrypoints.composition.container import Container, build_container
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.configuration.secrets.access_tokens import (
    AccessToken,
    Scope,
    hash_of,
    new_token,
    token_line,
)
from tests.end_to_end.frontdesk import RunningFrontDesk, hosting, serving

BOTH = (Scope.READ, Scope.WRITE)


@dataclass(frozen=True)
class GivenToken:
    """A token, and the line of ``API_TOKENS`` for it."""

    text: str
    line: str


def given_token(
    name: str, scopes: Iterable[Scope] = BOTH, companies: Iterable[str] | None = None
) -> GivenToken:
    """A new token."""
    text = new_token()
    allowed = None if companies is None else frozenset(companies)
    return GivenToken(
        text, token_line(AccessToken(name, frozenset(scopes), hash_of(text), allowed))
    )


@dataclass
class Api:
    """Sends requests to the API. ``headers`` go with each of them."""

    frontdesk: RunningFrontDesk
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def container(self) -> Container:
        return self.frontdesk.container

    def with_token(self, text: str) -> "Api":
        """The same as a client that has a token."""
        return Api(self.frontdesk, {**self.headers, "authorization": f"Bearer {text}"})

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The answer. A change is sent as programs send it."""
        is_change = method not in {"GET", "HEAD", "OPTIONS"}
        sent = {**({"content-type": "application/json"} if is_change else {}), **self.headers}
        return self.frontdesk.client.request(
            method,
            self.frontdesk.origin + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={**sent, **(headers or {})},
            redirect=False,
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """What there is at ``path``."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        response = self.call("GET", path + query)
        assert response.status == 200, response.data
        return response.json()

    def post_form(
        self, path: str, fields: Mapping[str, str], **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """The answer to a form, as a browser sends one of our own pages."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"origin": self.frontdesk.origin, **self.headers, **names}
        return self.frontdesk.client.request(
            "POST",
            self.frontdesk.origin + path,
            body=urlencode(fields).encode(),
            headers={**sent, "content-type": "application/x-www-form-urlencoded"},
            redirect=False,
        )


@contextmanager
def running(environ: Mapping[str, str]) -> Iterator[Api]:
    """A front desk of its own, and a client that has no token."""
    with hosting() as host, serving(host, build_container(environ)) as frontdesk:
        yield Api(frontdesk)


@contextmanager
def running_locally(data_dir: Path, **environ: str) -> Iterator[Api]:
    """A front desk without settings, and a client with the token of its directory."""
    with running({"DATA_DIR": str(data_dir), **environ}) as api:
        yield api.with_token(keep_local_token(data_dir))


def cookie_of(response: urllib3.BaseHTTPResponse) -> str:
    """The cookie that an answer sets, as a browser sends it back."""
    return response.headers["set-cookie"].partition(";")[0]


def problem(response: urllib3.BaseHTTPResponse) -> int:
    """The status of a problem, which has the form that all have."""
    assert response.headers["content-type"] == "application/problem+json"
    content = response.json()
    assert {"type", "title", "status", "detail"} <= content.keys()
    assert content["status"] == response.status
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    return response.status
