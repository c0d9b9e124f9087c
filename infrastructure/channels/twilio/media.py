"""The files that Twilio holds for a message.

Source: https://www.twilio.com/docs/messaging/api/media-resource
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from typing_extensions import override

from application.ports.byte_stream import ByteStream
from application.ports.media_source import MediaSource
from domain.errors import MediaRefusedError
from infrastructure.channels.https_fetching import HttpsFetcher, HttpsUrl
from infrastructure.configuration.secrets.accounts import TwilioAccount

HOST = "api.twilio.com"

_PLACE = re.compile(
    r"/2010-04-01/Accounts/(?P<account>AC[0-9a-fA-F]{32})"
    r"/Messages/[A-Za-z0-9]+/Media/[A-Za-z0-9]+"
)
"""A Media resource: neither dots nor escapes, which could lead to what is not a file."""


@dataclass(frozen=True)
class TwilioMediaSource(MediaSource):
    """Fetches with the first token of the account that received the message."""

    accounts: Callable[[], tuple[TwilioAccount, ...]]
    fetcher: HttpsFetcher = field(default_factory=HttpsFetcher)

    @override
    def fetch(self, url: str, account: str) -> ByteStream:
        """Also raises ``SecretsUnavailableError``."""
        place = HttpsUrl.parse(url)
        if place.host != HOST:
            raise MediaRefusedError(f"the file is not at {HOST}")
        found = _PLACE.fullmatch(place.target)
        if found is None or found["account"] != account:
            raise MediaRefusedError("the URL is not that of a file of the message's account")
        return self.fetcher.fetch(place, self._authorization(account))

    def _authorization(self, account_sid: str) -> str:
        for account in self.accounts():
            if account.account_sid == account_sid and account.auth_tokens:
                token = account.auth_tokens[0].get_secret_value()
                return f"Basic {b64encode(f'{account_sid}:{token}'.encode()).decode()}"
        raise MediaRefusedError("no token is set for the account that received the message")
