"""Find a person in webhooks that were never recorded as messages."""

import re
from binascii import a2b_qp
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

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
        try:
            parsed = self.parsers.for_channel(webhook.channel).parse(webhook)
        except Exception:
            # It is where it is because something is wrong with it: what, does not matter here.
            parsed = ()
        if not parsed:
            return Found(_names(webhook.request.body, values), read=False)
        theirs = tuple(one.message for one in parsed if one.message.is_by(values))
        return Found(bool(theirs), read=True, messages=theirs)


_CHUNK_BYTES = 32 * 1024
_OVERLAP_BYTES = 4096
"""No address is longer, even if each of its bytes is escaped."""


def _names(body: bytes, values: Collection[str]) -> bool:
    """Whether a body contains an address, as it stands or as forms and mail headers escape it.

    A body may have 32 MiB, so it is read in chunks. The pattern is slow, and only tried where a
    chunk contains an address at all.
    """
    forms = {form.encode().lower() for value in values for form in _written_forms(value)}
    whole = re.compile(rb"(?<![\w.+-])(?:" + b"|".join(map(re.escape, forms)) + rb")(?![\w-])")
    return any(
        any(form in text for form in forms) and whole.search(text)
        for chunk in _chunks(body)
        for text in (chunk.lower(), unquote_to_bytes(chunk).lower(), a2b_qp(chunk).lower())
    )


def _chunks(body: bytes) -> Iterator[bytes]:
    """The parts of a body, with a letter at each cut: what was cut there is no whole address."""
    for start in range(0, len(body), _CHUNK_BYTES):
        end = start + _CHUNK_BYTES + _OVERLAP_BYTES
        yield (b"x" if start else b"") + body[start:end] + (b"x" if end < len(body) else b"")


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
