"""Find a person in webhooks that were never recorded as messages."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from application.ports.webhook_parser import VerifiedWebhook, WebhookParserFactory
from domain.messages import InboundMessage


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a webhook is the person's, and the ``messages`` in it that they wrote.

    A webhook that could not be ``read`` has no messages, and is theirs if it names them.
    """

    is_theirs: bool
    read: bool
    messages: tuple[InboundMessage, ...] = ()


@dataclass(frozen=True)
class FindPerson:
    """Reads webhooks as their channel does."""

    parsers: WebhookParserFactory

    def __call__(self, webhook: VerifiedWebhook, values: Collection[str]) -> Found:
        """What of ``webhook`` is of the person who has one of the addresses ``values``.

        What cannot be read is searched as it stands: what is in base64 is not found.
        """
        messages = self._messages(webhook)
        if not messages:
            return Found(_names(webhook.request.body, values), read=False)
        theirs = tuple(message for message in messages if _is_by(message, values))
        return Found(bool(theirs), read=True, messages=theirs)

    def _messages(self, webhook: VerifiedWebhook) -> list[InboundMessage]:
        try:
            parser = self.parsers.for_channel(webhook.channel)
            return [one.message for one in parser.parse(webhook)]
        except Exception:
            # It is where it is because something is wrong with it: what, does not matter here.
            return []


def _is_by(message: InboundMessage, values: Collection[str]) -> bool:
    return any(address.value in values for address in message.author_addresses)


# Before an address stands nothing that could be a part of it, or the end of an escape.
_BEFORE = rb"(?:(?<![\w.+-])|(?<=[%=](?!2[bde]|5f)[0-9a-f]{2}))"
_AFTER = rb"(?![\w-])"
_CHUNK_BYTES = 256 * 1024
_OVERLAP_BYTES = 4096
"""No address is longer, even if each of its bytes is escaped."""


def _names(body: bytes, values: Collection[str]) -> bool:
    """Whether a body contains an address, as it stands or as forms and mail headers escape it.

    A body may have 32 MiB, so it is read in chunks, and closely only where a chunk contains
    the longest word of an address: that is a hundred times faster.
    """
    forms = {form for value in values for form in _written_forms(value)}
    words = {_longest_word(form) for form in forms}
    addresses = b"|".join(map(_pattern, forms))
    pattern = re.compile(_BEFORE + b"(?:" + addresses + b")" + _AFTER, re.IGNORECASE)
    for start in range(0, len(body), _CHUNK_BYTES):
        end = start + _CHUNK_BYTES
        chunk = body[start : end + _OVERLAP_BYTES].lower()
        if any(word in chunk for word in words):
            match = pattern.search(body, start, end + _OVERLAP_BYTES)
            if match and match.start() < end:
                return True
    return False


def _longest_word(form: str) -> bytes:
    return max(re.findall(rb"[a-z0-9]+", form.lower().encode()), key=len, default=b"")


def _written_forms(value: str) -> Iterator[str]:
    """An address in its normal form, and in others in which providers and people write it."""
    yield value
    yield value.replace(" ", "+")
    if value[1:].isdecimal():
        yield value.removeprefix("+")
    local, at, domain = value.rpartition("@")
    with suppress(UnicodeError):
        shown = local + at + domain.encode("ascii").decode("idna")
        # Bytes beyond ASCII have no case.
        yield from (shown, shown.upper())


def _pattern(text: str) -> bytes:
    """Finds ``text``, each of its signs as it is or escaped by ``%`` or ``=`` and two digits."""
    return b"".join(
        re.escape(sign) if sign.isalnum() else b"(?:%b|[%%=]%02X)" % (re.escape(sign), sign[0])
        for sign in (bytes([code]) for code in text.encode())
    )
