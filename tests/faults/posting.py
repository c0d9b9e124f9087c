"""Many webhooks at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import urllib3

from infrastructure.channels.provider import SimulatedRequest


def post_all(
    webhooks: Sequence[tuple[str, SimulatedRequest]], at_once: int
) -> list[tuple[int, bytes]]:
    """Post each webhook to its origin; return status and body of each response."""
    client = urllib3.PoolManager(maxsize=at_once, retries=False, timeout=60)

    def post(to: tuple[str, SimulatedRequest]) -> tuple[int, bytes]:
        origin, webhook = to
        url = origin + urlsplit(webhook.url).path
        response = client.request("POST", url, body=webhook.body, headers=webhook.headers)
        return response.status, response.data

    with ThreadPoolExecutor(at_once) as pool:
        responses = list(pool.map(post, webhooks))
    client.clear()
    return responses
