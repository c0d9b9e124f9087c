"""Twilio, and the hosts that it redirects to, on the loopback interface."""

from contextlib import closing
from typing import Any

import pytest

from domain.errors import (
    MediaRefusedError,
    MediaUnavailableError,
)
from infrastructure.channels.twilio.media import TwilioMediaSource
from tests.infrastructure.channels.https_server import (
    Authority,
    Handle,
    HttpsServer,
    Visit,
    a_fetcher,
    https_server,
)
from tests.infrastructure.channels.twilio.webhooks import ACCOUNT_SID, an_account

OTHER_SID = "AC00000000000000000000000000000009"
TOKEN = "first-token"
ACCOUNTS = (an_account("other", account_sid=OTHER_SID), an_account(TOKEN, "second-token"))
ACCOUNT = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}"
PLACE = f"{ACCOUNT}/Messages/MM{'2' * 32}/Media/ME{'3' * 32}"
CDN = "https://media.example.com/a%20b/c?Expires=1&Signature=x%2Fy~"
MEGABYTE = 1024 * 1024


class Internet:
    """Fetches ``PLACE`` where a server responds as a test says."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.visits: list[Visit] = []

    def fetch(self, handle: Handle, url: str = PLACE, **fetcher: Any) -> bytes:
        with https_server(self.authority, handle) as server:
            self.visits = server.visits
            source = a_source(self.authority, server, **fetcher)
            with closing(source.fetch(url, ACCOUNT_SID)) as stream:
                return b"".join(stream)

    def refused(self, handle: Handle, reason: str | None, url: str = PLACE, **fetcher: Any) -> None:
        with pytest.raises(MediaRefusedError, match=reason) as caught:
            self.fetch(handle, url, **fetcher)
        assert_no_secret(caught.value)

    def unavailable(self, handle: Handle, reason: str | None = None, **fetcher: Any) -> None:
        with pytest.raises(MediaUnavailableError, match=reason) as caught:
            self.fetch(handle, **fetcher)
        assert_no_secret(caught.value)

    @property
    def targets(self) -> list[str]:
        return [visit.host + visit.target for visit in self.visits]


def a_source(authority: Authority, server: HttpsServer, **fetcher: Any) -> TwilioMediaSource:
    return TwilioMediaSource(lambda: ACCOUNTS, a_fetcher(authority, server, **fetcher))


def assert_no_secret(error: BaseException) -> None:
    """Of the URL the host at most is told, of the account nothing."""
    for text in (ACCOUNT_SID, TOKEN, "Media/", "Signature"):
        assert text not in str(error)
