"""What the start of a server does for the API."""

import logging
import sys
from contextlib import suppress

import click

from domain.errors import WebhookHandlerError
from entrypoints.composition.container import Container
from entrypoints.http.access.sign_in_codes import SignInCodes
from entrypoints.http.console.places import SIMULATOR

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what was bound
"""Listening on the one, the server is reached under the other."""

logger = logging.getLogger(__name__)


def prepare_access(container: Container) -> None:
    """Read the access tokens, and make the local one if there is none.

    Webhooks need neither: so an error is logged, and the API answers 503.
    """
    try:
        container.operations().access_tokens().current()
    except WebhookHandlerError as error:
        logger.warning("access tokens cannot be read", extra={"reason": str(error)})


def offer_sign_in(container: Container, origin: str) -> None:
    """Print on a terminal where a browser signs in, if it can: webhooks do not need that.

    On a developer's machine that leads to the simulator.
    """
    if not sys.stdout.isatty():
        return
    with suppress(WebhookHandlerError):
        address = sign_in_address(container, origin)
        if address is None:
            return
        if container.settings().is_development:
            click.echo(
                "\nOpen this to watch your first message (it signs in once, within 10 minutes):"
            )
            click.secho(f"  {address}?next={SIMULATOR}", bold=True)
        else:
            click.echo(f"Sign in with a browser, once within 10 minutes: {address}")


def sign_in_address(container: Container, origin: str) -> str | None:
    """Where a browser signs in without a token, once; ``None`` where no code is valid.

    ``origin`` may be that of every address of this machine. Raises ``StorageUnavailableError``.
    """
    settings = container.settings()
    if not settings.has_local_token:
        return None
    for every, local in _EVERY_ADDRESS.items():
        origin = origin.replace(f"//{every}:", f"//{local}:")
    return f"{origin}/sign-in/{SignInCodes(settings.data_dir).make(container.clock()())}"
