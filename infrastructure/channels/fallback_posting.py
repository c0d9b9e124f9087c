"""One attempt to post a fallback to a provider's API, and what is certain after it."""

import logging
from typing import TYPE_CHECKING

from domain.errors import FallbackNotReachedError, FallbackUncertainError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

logger = logging.getLogger(__name__)


def post_once(
    url: str, body: bytes, content_type: str, authorization: str, timeout_seconds: float
) -> "Response":
    """The provider's answer, whatever its status. No redirect is followed.

    ``timeout_seconds`` holds for connecting and for each read. Raises
    ``FallbackNotReachedError`` if no connection was made, else ``FallbackUncertainError``. Neither
    quotes the request.
    """
    import requests

    def authorize(request: "PreparedRequest") -> "PreparedRequest":
        # Set here, because an entry of ~/.netrc would replace a header that is passed in.
        request.headers["Authorization"] = authorization
        return request

    headers = {"Content-Type": content_type}
    try:
        return requests.post(
            url,
            body,
            headers=headers,
            auth=authorize,
            timeout=timeout_seconds,
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as error:
        name = type(error).__name__
        logger.warning("provider did not answer", extra={"error": name})
        if _never_connected(error):
            raise FallbackNotReachedError(f"no connection: {name}") from None
        raise FallbackUncertainError(f"no answer: {name}") from None


def _never_connected(error: Exception) -> bool:
    """Whether the connection failed before a byte of the request went out."""
    from requests.exceptions import ConnectionError as RequestsConnectionError
    from requests.exceptions import ConnectTimeout, InvalidURL
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, ConnectTimeout | InvalidURL):
        return True
    cause = error.args[0] if isinstance(error, RequestsConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
