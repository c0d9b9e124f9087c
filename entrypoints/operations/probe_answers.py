"""What an answer to a probe means, and what to do about it."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from application.ports.webhook_parser import WebhookResponse
from application.receiving.error_responses import json_error

CONNECT_SECONDS = 5.0
TIMEOUT_SECONDS = 15.0
"""What providers give a webhook in all."""

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What came back: no more of the body than a response of Frontdesk could have."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The value of a header; empty if it is not there."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")

    @property
    def label(self) -> str:
        """The status with its phrase, and what kind of page came with it."""
        try:
            phrase = f" {HTTPStatus(self.status).phrase}"
        except ValueError:
            phrase = ""
        content_type = self.header("content-type").partition(";")[0].strip().lower()
        kinds = {"text/html": ", an HTML page", "": ", without a type"}
        kind = kinds.get(content_type, f", {content_type[:40]}")
        return f"{self.status}{phrase}{kind}"


_OURS = {
    401: (
        "Invalid signature",
        "Frontdesk answers, and the signature does not verify: it sees another URL, or has "
        "another token. Set {names} of the server to the URL that the provider has",
    ),
    404: (
        "Unsupported channel",
        "Frontdesk answers, under a path that names no channel: let the proxy pass on the path "
        "to its end, /webhooks/CHANNEL",
    ),
    405: ("Method not allowed", "Frontdesk got another method: let the proxy pass on POST"),
    413: ("Payload too large", "Frontdesk calls it too large: is MAX_BODY_BYTES so small?"),
    500: ("Internal server error", "Frontdesk stumbled: its log has the trace"),
    503: (
        "Temporarily unavailable",
        "Frontdesk answers, and can write nothing or read no secrets: its log and /readyz say why",
    ),
}
"""Our own answers, each with what it tells about the way to us."""

_OF_OTHERS = {
    401: (
        "a proxy asks for a user before Frontdesk does: let it pass on posts to this path. "
        "(What stands before @ in the URL at the provider is not sent by the probe)"
    ),
    403: "a proxy or a firewall refuses it: let it pass on posts to this path from anywhere",
    404: "another server answers, or a proxy without a route for this path: add one to Frontdesk",
    405: "another server answers, or a proxy that lets no POST pass on this path",
    413: "a proxy takes no such body: raise its limit to that of MAX_BODY_BYTES",
    429: "a proxy limits the rate: both providers lose what it refuses, so lift that here",
    502: "the proxy does not reach Frontdesk: does 'frontdesk serve' run, at the proxy's address?",
    503: "the proxy says that Frontdesk is away: does 'frontdesk serve' run, and is it ready?",
    504: "Frontdesk does not answer the proxy in time: look at its log and its store",
}


def problem_of(answer: ProbeAnswer, expected: WebhookResponse, names: str) -> str | None:
    """What is wrong with ``answer``, and the remedy; ``None`` if it is as ``expected``.

    ``names`` are the settings that give the URL.
    """
    if (answer.status, answer.body) == (expected.status, expected.body):
        return None
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return _redirected(answer, names)
    message, meaning = _OURS.get(answer.status, ("", ""))
    if meaning and answer.body == json_error(answer.status, message).body:
        return f"{answer.label}: {meaning.format(names=names)}"
    return f"{answer.label}, not Frontdesk's: {_meaning_of_other(answer.status)}"


def _meaning_of_other(status: int) -> str:
    if found := _OF_OTHERS.get(status):
        return found
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "the proxy, or what stands behind it, failed: look at its log"
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return "another program answers here: does the name lead to this machine, and this path?"
    return "a proxy or another server refuses it: let it pass on posts to this path"


def _redirected(answer: ProbeAnswer, names: str) -> str:
    location = answer.header("location").partition("?")[0].partition("#")[0]
    # A user and password may stand in it.
    location = re.sub(r"//[^/@]*@", "//", location)[:_SHOWN_CHARACTERS] or "nowhere"
    return (
        f"{answer.status} redirects to {location}: it is not followed, and webhooks that are "
        f"redirected may be lost. Configure the URL where the answer comes from, at the provider "
        f"and as {names}"
    )


_NO_ANSWER: tuple[tuple[type[Exception], str], ...] = (
    (
        NameResolutionError,
        "the name {host} cannot be resolved: look at its DNS record, and at {names}",
    ),
    (NewConnectionError, "no way to {place}: {reason}"),
    (
        ConnectTimeoutError,
        f"no connection to {{place}} within {CONNECT_SECONDS:g} s: does a firewall drop it, or "
        "does the name lead to another machine?",
    ),
    (
        ReadTimeoutError,
        f"{{place}} took the request and did not answer within {TIMEOUT_SECONDS:g} s: is the "
        "proxy's way to Frontdesk open?",
    ),
    (
        ProtocolError,
        "{place} ended the connection without an answer: does it speak HTTP there?",
    ),
)


def connection_problem(error: Exception, url: str, names: str) -> str:
    """Why no answer came, and the remedy."""
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"
    reason = _reason_of(error)
    for kind, text in _NO_ANSWER:
        if isinstance(error, kind):
            return text.format(host=parts.hostname, names=names, place=place, reason=reason)
    if isinstance(error, SSLError):
        return _tls_problem(error, place)
    return f"it could not be asked: {type(error).__name__}"


def _reason_of(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused: does the proxy or the server listen there?"
    return (isinstance(cause, OSError) and cause.strerror) or type(error).__name__


def _tls_problem(error: Exception, place: str) -> str:
    cause = next((one for one in error.args if isinstance(one, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {place} is not trusted: {cause.verify_message}. The providers "
            "refuse it too: install a valid one with its whole chain"
        )
    reason = str(cause.reason if cause else None).replace("_", " ").lower()
    return f"TLS with {place} fails ({reason}): does it speak https at this port?"
