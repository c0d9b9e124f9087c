"""The names and values that stand in the sentences of a diagnosis."""

from collections.abc import Sequence
from typing import NamedTuple

from application.ports.signature_doctor import Capture
from infrastructure.channels.twilio.signature_doctor.search import Match
from infrastructure.channels.twilio.signature_doctor.url_causes import nearest
from infrastructure.channels.twilio.signature_doctor.url_variations import Url
from infrastructure.channels.twilio.verification import shown_urls


class Words(NamedTuple):
    """What the sentences are about. Nothing here is secret."""

    signed_url: str = ""
    checked_url: str = ""
    signed_scheme: str = ""
    checked_scheme: str = ""
    signed_host: str = ""
    checked_host: str = ""
    signed_port: str = ""
    checked_port: str = ""
    signed_path: str = ""
    checked_path: str = ""
    added: str = ""
    removed: str = ""
    header: str = ""
    account: str = ""
    signer: str = ""
    method: str = ""
    content_type: str = ""
    fields: str = ""
    source: str = ""
    token_variable: str = "TWILIO_AUTH_TOKEN"  # noqa: S105 - the name of a setting


def words_of(
    capture: Capture, checked: Sequence[str], match: Match | None, variable: str | None
) -> Words:
    """The words for what was signed and what is ``checked``, which ``variable`` may decide."""
    if variable:
        source = f", as {variable} says"
    else:
        source = ": a proxy, a gateway or a tunnel in front of it ends TLS or replaces the host"
    words = Words(
        method=capture.method,
        content_type=capture.header("content-type") or "missing",
        checked_path=Url.parse(checked[0]).path,
        source=source,
    )
    if match is None:
        return words
    signed = Url.parse(match.url).without_default_port
    near = nearest(match.url, checked).without_default_port
    return words._replace(
        signer=match.token.account_sid or "",
        signed_url=shown_urls([signed.text]),
        checked_url=shown_urls([near.text]),
        signed_scheme=signed.scheme,
        checked_scheme=near.scheme,
        signed_host=signed.host,
        checked_host=near.host,
        signed_port=signed.port.removeprefix(":") or "of the scheme",
        checked_port=near.port.removeprefix(":") or "that of the scheme",
        signed_path=signed.path,
        checked_path=near.path,
        added=signed.path.rstrip("/").removesuffix(near.path.rstrip("/")),
        removed=near.path.rstrip("/").removesuffix(signed.path.rstrip("/")),
    )
