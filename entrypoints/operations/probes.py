"""Do the public URLs lead here? Posts to each what a receiver stores nothing of.

To the configured URLs alone, whatever an answer says: no redirect is followed.
"""

import time
from collections.abc import Iterator
from datetime import datetime

import urllib3
from urllib3.exceptions import HTTPError

from application.ports.checks import CheckResult, CheckStatus
from application.receiving.error_responses import response_to
from domain.channels import ChannelType
from domain.errors import ValidationError, WebhookHandlerError
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.container import Container
from entrypoints.operations.probe_answers import (
    CONNECT_SECONDS,
    TIMEOUT_SECONDS,
    ProbeAnswer,
    connection_problem,
    problem_of,
)
from entrypoints.operations.public_url_checks import configured_url, url_settings
from infrastructure.channels.provider import Probe

MOST_BYTES = 65_536
"""Of an answer; a page of a proxy is known by its beginning."""

REFUSAL_SECONDS = 0.5
"""How soon a server on this machine has written down a refusal."""


def run_probes(container: Container) -> Iterator[CheckResult]:
    """A result for each channel."""
    settings = container.settings()
    urls = {channel: configured_url(settings, channel) for channel in ChannelType}
    if not any(urls.values()):
        yield CheckResult(
            "probe",
            CheckStatus.ERROR,
            "PUBLIC_BASE_URL is not set: a probe goes to the configured public URL and nowhere "
            "else",
        )
        return
    for channel, url in urls.items():
        if url is None:
            unset = f"{channel}: {url_settings(settings, channel)} is not set"
            yield CheckResult("probe", CheckStatus.SKIPPED, unset)
            continue
        yield _result(container, channel, url)


def _result(container: Container, channel: ChannelType, url: str) -> CheckResult:
    shown = f"{channel}: {url.partition('?')[0]}"
    try:
        probe = _probe_of(container, channel, url)
    except WebhookHandlerError as error:
        return CheckResult("probe", CheckStatus.ERROR, f"{shown} was not asked: {error}")
    if probe is None:
        text = f"{shown} was not asked: there is no account that signs"
        return CheckResult("probe", CheckStatus.SKIPPED, text)
    problem = _problem(container, channel, probe)
    if problem is None:
        text = f"{shown}: {probe.sent} got the right answer: {probe.proof}"
        return CheckResult("probe", CheckStatus.OK, text)
    return CheckResult("probe", CheckStatus.ERROR, f"{shown}: {problem}")


def _problem(container: Container, channel: ChannelType, probe: Probe) -> str | None:
    names = url_settings(container.settings(), channel)
    since = container.clock()()
    try:
        answer = post(probe)
    except (HTTPError, OSError, ValueError) as error:
        return connection_problem(error, probe.request.url, names)
    problem = problem_of(answer, probe.response, names)
    refused = response_to(ValidationError())
    if problem and (answer.status, answer.body) == (refused.status, refused.body):
        return problem + _reason_given(container, channel, since)
    return problem


def _reason_given(container: Container, channel: ChannelType, since: datetime) -> str:
    """What the server's refusals say of the probe, where they are seen from here."""
    ends_at = time.monotonic() + REFUSAL_SECONDS
    while time.monotonic() < ends_at:
        for refusal in container.refusals().latest():
            if refusal.channel == channel and refusal.last_at >= since:
                tried = f", tried {refusal.tried_urls}" if refusal.tried_urls else ""
                return f". It refused this as {refusal.reason}{tried}"
        time.sleep(REFUSAL_SECONDS / 20)
    return ""


def _probe_of(container: Container, channel: ChannelType, url: str) -> Probe | None:
    settings = container.settings()
    if not settings.has_real_secrets:
        from infrastructure.configuration.secrets import development_secret

        # The container would make it: a check makes nothing.
        development_secret.read_development_credentials(settings.data_dir)
    return PROVIDERS[channel]().probe(channel, url, container.provider_accounts())


def post(probe: Probe) -> ProbeAnswer:
    """The answer to ``probe``. Raises what urllib3 raises."""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=TIMEOUT_SECONDS)
    ends_at = time.monotonic() + TIMEOUT_SECONDS
    with urllib3.PoolManager(num_pools=1, retries=False, timeout=timeout) as pool:
        response = pool.request(
            "POST",
            probe.request.url,
            body=probe.request.body,
            headers=probe.request.headers,
            redirect=False,
            preload_content=False,
        )
        content = b""
        while len(content) < MOST_BYTES and time.monotonic() < ends_at:
            part = response.read1(MOST_BYTES - len(content), decode_content=False)
            if not part:
                break
            content += part
        return ProbeAnswer(response.status, dict(response.headers.items()), content)
