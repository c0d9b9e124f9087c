"""What is most probably wrong where nothing fits a request that Frontdesk has received itself."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from infrastructure.channels.remedies import RESTART
from infrastructure.channels.twilio.signature_doctor.url_variations import Url
from infrastructure.channels.twilio.verification import shown_urls

_LOCAL_SUFFIXES = (".internal", ".local", ".localhost", ".svc")


class Suspicion(NamedTuple):
    """A sentence for a person, and what to do before and after a look at the token."""

    sentence: str
    first_steps: tuple[str, ...] = ()
    last_steps: tuple[str, ...] = ()

    def steps(self, about_token: Iterable[str]) -> tuple[str, ...]:
        """All that there is to do, in order."""
        return (*self.first_steps, *about_token, *self.last_steps)


def suspicion_of(
    checked: Url,
    tried: int,
    url_variable: str | None,
    token: str,
) -> Suspicion:
    """The token, unless the public host cannot be known.

    ``url_variable`` is the setting that decides which URLs are checked, if one does.
    """
    if url_variable is None and _is_hidden(checked.host):
        shown = shown_urls([f"{checked.host}{checked.port}"])
        return Suspicion(
            f"The request shows the host {shown}, which Twilio cannot call. A program on this "
            "machine sent it, or a proxy hides the public host.",
            (
                "Set PUBLIC_BASE_URL to the part before /webhooks of the URL in Twilio's console, "
                f"and {RESTART}",
                "If that is refused too, the token is next",
            ),
        )
    console = f"Twilio's console has another URL than {shown_urls([checked.text])}"
    setting = url_variable or "PUBLIC_BASE_URL"
    return Suspicion(
        f"{token} is most probably not the account's token any more: none of {tried:,} forms of "
        f"the URL fits.",
        (),
        (f"If it is the same, {console}: set {setting} to match it, and {RESTART}",),
    )


def _is_hidden(host: str) -> bool:
    """Whether no provider on the internet could have called ``host``."""
    bare = host.strip("[]").lower()
    try:
        return not ipaddress.ip_address(bare).is_global
    except ValueError:
        return "." not in bare or bare.endswith(_LOCAL_SUFFIXES)
