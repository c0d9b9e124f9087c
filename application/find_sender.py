"""Whether a raw request is of somebody: for what was never recorded as a message."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote_plus

from application.ports.channels import WebhookParserFactory, WebhookRequest
from domain.messages import InboundMessage


@dataclass(frozen=True)
class FindSender:
    """Reads raw requests as their channel does."""

    parsers: WebhookParserFactory

    def __call__(self, request: WebhookRequest, account: str, values: Collection[str]) -> bool:
        """Whether somebody with one of the addresses ``values`` wrote a message in ``request``.

        What cannot be read is of whomever it names anywhere.
        """
        messages = self._messages(request, account)
        if not messages:
            return _names(request.body, values)
        return any(
            address.value in values
            for message in messages
            for address in (message.sender, *message.identities)
        )

    def _messages(self, request: WebhookRequest, account: str) -> list[InboundMessage]:
        try:
            _, parser = self.parsers.for_path(request.path)
            return [one.message for one in parser.parse(request, account)]
        except Exception:
            # It is where it is because something is wrong with it: what, does not matter here.
            return []


def _names(body: bytes, values: Collection[str]) -> bool:
    """Whether a body contains an address, as it stands or as forms encode it."""
    text = body.decode("utf-8", "replace").lower()
    return any(
        re.search(rf"(?<![\w.+-]){re.escape(value.lower())}(?![\w-])", form)
        for value in values
        for form in (text, unquote_plus(text))
    )
