"""Copies of one webhook that reach several servers at the same moment become one message.

``DUPLICATES`` sets the number of copies in the longer form; the default is 1000.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from entrypoints.composition.container import Container, build_container
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.emulators import EmulatedAws
from tests.end_to_end.aws import settings_on_aws, use_emulator
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import TWIML
from tests.faults.crash_webhooks import ORIGIN, Case, Inspector, Kind
from tests.faults.posting import post_all
from tests.forms import short_and_long
from tests.processes import environment, killed_server

COPIES = short_and_long(200, int(os.environ.get("DUPLICATES", "1000")))
SETTINGS = {"PUBLIC_BASE_URL": ORIGIN, "LOG_LEVEL": "ERROR"}
CASES = (Case(Kind.REPLY, 1), Case(Kind.UNKNOWN_SENDER, 2))

pytestmark = pytest.mark.timeout(600)


def problems(
    container: Container, environ: dict[str, str], *, servers: int, copies: int, at_most_once: bool
) -> list[str]:
    """The problems after ``copies`` of each case reached ``servers`` at once."""
    data_dir = container.settings().data_dir
    providers = Providers.of(keep_development_credentials(data_dir))
    for case in CASES:
        case.open_conversation(container)
    webhooks = [case.webhook(providers) for case in CASES]
    with ExitStack() as stack:
        origins = [stack.enter_context(killed_server(environ)).origin for _ in range(servers)]
        to_all = [
            (origins[number % servers], webhook) for number in range(copies) for webhook in webhooks
        ]
        responses = post_all(to_all, at_once=32)
    wrong = (
        [f"{len(responses)} answers: {set(responses)}"] if set(responses) != {TWIML[::2]} else []
    )
    inspector = Inspector(container, [])
    inspector.take_contexts()
    for case in CASES:
        wrong += inspector.find(case).problems(at_most_once=at_most_once)
    return wrong


@pytest.mark.parametrize("copies", COPIES)
def test_many_copies_sent_to_three_servers_become_one_message(tmp_path: Path, copies: int) -> None:
    environ = environment(tmp_path, **SETTINGS)
    container = build_container(environ)
    assert problems(container, environ, servers=3, copies=copies, at_most_once=True) == []
    container.shutdown_resources()


@pytest.mark.parametrize("copies", COPIES)
def test_copies_sent_to_two_servers_on_aws_become_one_message(
    tmp_path: Path, ministack: EmulatedAws, copies: int
) -> None:
    settings = settings_on_aws(ministack, tmp_path, environment(tmp_path, **SETTINGS))
    container = build_container(settings)
    use_emulator(container, ministack)
    assert problems(container, settings, servers=2, copies=copies // 10, at_most_once=True) == []
    container.shutdown_resources()
