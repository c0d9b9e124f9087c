"""A server on the stage's backends has the role of the guide, and needs each of its permissions."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
import urllib3

from application.clock import utc_now
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.recovery.drain_spool import VISIBILITY
from domain.channels import ChannelType
from infrastructure.aws.s3 import S3DeadLetters
from tests.deployment.deployed import Deployed, eventually, post
from tests.deployment.old_data import OldData
from tests.deployment.roles import ACCOUNT, SERVER_ROLE, made_role
from tests.documentation.documents import blocks
from tests.emulators import unique_name
from tests.entrypoints.http.api.clients import given_token
from tests.processes import Server, run, server_process

GUIDE = "docs/operations.md"
(POLICY,) = (block for block in blocks(GUIDE, "json") if "CheckTables" in block)
FILES = (("photo.png", "image/png", bytes(range(256))),)
CLIENT = given_token("client")
LONG_TEXT = "long " * 60_000
"""Too long for an entry of the spool queue, and for a DynamoDB item."""


@pytest.fixture(scope="module")
def environ(
    deployed: Deployed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The stage's settings and the role, for a server; the spool function is disabled."""
    names = {**deployed.settings, "ACCOUNT": ACCOUNT}
    statements = json.loads(Template(POLICY).substitute(names))["Statement"]
    variables = made_role(deployed, SERVER_ROLE, statements)
    data_dir = tmp_path_factory.mktemp("server")
    # The server has another origin than the API.
    settings = {name: one for name, one in deployed.settings.items() if name != "PUBLIC_BASE_URL"}
    with deployed.spool_function_disabled():
        variables["API_TOKENS"] = CLIENT.line
        yield {**settings, **variables, "DATA_DIR": str(data_dir), "PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def server(environ: dict[str, str]) -> Iterator[Server]:
    log = Path(environ["DATA_DIR"]) / "log"
    with server_process(environ, log) as running:
        yield running


@pytest.fixture
def dead_letter_id(deployed: Deployed) -> Iterator[str]:
    """A dead letter in the stage's bucket."""
    stored = S3DeadLetters(lambda: deployed.aws.s3, deployed.settings["BLOBS_BUCKET"])
    dead_letter = DeadLetter("exhausted-1", DeadLetterKind.EXHAUSTED, "tried often", 100, utc_now())
    stored.store(dead_letter)
    yield dead_letter.dead_letter_id
    stored.delete(dead_letter.dead_letter_id)


def post_sms(deployed: Deployed, server: Server, text: str, **options: Any) -> int:
    """Post an SMS to the server; the status of its answer."""
    webhook = deployed.webhook(ChannelType.SMS, body=text, origin=server.origin, **options)
    return post(webhook)[0]


def test_server_with_the_role_receives_and_routes_on_every_channel(
    deployed: Deployed, server: Server
) -> None:
    for channel in ChannelType:
        text = f"To the server by {channel}"
        webhook = deployed.webhook(channel, body=text, origin=server.origin)
        assert post(webhook)[0] == 200
        (context,) = deployed.contexts(f"{channel.upper()}_REPLIES")
        assert context["message"]["body"].strip() == text


@pytest.mark.parametrize("sid", ["CheckTables", "CheckQueues", "FindObjects", "ReadSecrets"])
def test_server_does_not_start_without_the_permission(
    deployed: Deployed, environ: dict[str, str], sid: str
) -> None:
    with deployed.without(sid, function="Server"):
        done = run("serve", "--port", "0", environ=environ)
    assert done.returncode == 1, done.stdout
    assert done.stderr


@pytest.mark.parametrize("sid", ["FollowParticipants", "RecordMessages"])
def test_server_spools_without_the_permission_for_a_table_and_drains_with_it(
    deployed: Deployed, server: Server, sid: str
) -> None:
    text = f"To the server, not without {sid}"
    with deployed.without(sid, function="Server"):
        assert post_sms(deployed, server, text) == 200
        assert deployed.spooled() == 1
        assert deployed.message_state(text) is None
    (context,) = eventually(lambda: deployed.contexts("SMS_REPLIES"))
    assert context["message"]["body"] == text
    eventually(lambda: deployed.spooled() == 0)


@pytest.mark.parametrize("sid", ["FindConversationsOfOtherSystems", "OpenConversations"])
def test_server_spools_unknown_senders_without_permission_for_conversations(
    deployed: Deployed, server: Server, sid: str
) -> None:
    with deployed.without(sid, function="Server"):
        assert post_sms(deployed, server, sid, sender=f"+1415556{len(sid):04}") == 200
        assert deployed.spooled() == 1
    assert len(eventually(lambda: deployed.contexts("SMS_REPLIES"))) == 1
    eventually(lambda: deployed.spooled() == 0)


@pytest.mark.parametrize("sid", ["RouteContexts", "FindAndUpdateConversations"])
def test_message_stays_pending_without_the_permission_to_route_it(
    deployed: Deployed, server: Server, sid: str
) -> None:
    text = f"To the server, pending without {sid}"
    with deployed.without(sid, function="Server"):
        assert post_sms(deployed, server, text) == 200
        assert deployed.message_state(text) == "pending"
    deployed.make_due(text)
    (context,) = eventually(lambda: deployed.contexts("SMS_REPLIES"))
    assert context["message"]["body"] == text


def test_server_relays_nothing_without_the_permission_to_find_it(
    deployed: Deployed, server: Server, environ: dict[str, str]
) -> None:
    text = "To the server, not found"
    log = Path(environ["DATA_DIR"]) / "log"
    with deployed.without("FindPending", function="Server"):
        with deployed.without("RouteContexts", function="Server"):
            assert post_sms(deployed, server, text) == 200
        deployed.make_due(text)
        logged = log.stat().st_size
        eventually(lambda: '"task": "relay"' in log.read_text("utf-8")[logged:])
        assert deployed.message_state(text) == "pending"
    assert len(eventually(lambda: deployed.contexts("SMS_REPLIES"))) == 1


def test_server_spools_mail_without_the_permission_to_write_its_file(
    deployed: Deployed, server: Server
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, attachments=FILES, origin=server.origin)
    with deployed.without("WriteObjects", function="Server"):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    (context,) = eventually(lambda: deployed.contexts("EMAIL_REPLIES"))
    assert context["message"]["attachments"][0]["filename"] == "photo.png"


def test_server_sends_no_file_without_the_permission_to_read_it(
    deployed: Deployed, server: Server
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, attachments=FILES, origin=server.origin)
    assert post(webhook)[0] == 200
    (context,) = deployed.contexts("EMAIL_REPLIES")
    url = f"{server.origin}/v1/messages/{context['meta']['request_id']}/attachments/0"
    headers = {"authorization": f"Bearer {CLIENT.text}"}
    with deployed.without("ReadAttachments", function="Server"):
        assert urllib3.request("GET", url, headers=headers, retries=False).status == 503
    answer = urllib3.request("GET", url, headers=headers, retries=False)
    assert (answer.status, answer.data) == (200, FILES[0][2])


@pytest.mark.parametrize(
    ("sid", "method", "path", "status"),
    [
        ("SearchConversations", "GET", "conversations?status=closed", 200),
        ("ReadHistories", "GET", "conversations/sms/{conversation_id}/messages", 200),
        ("ReadHistories", "GET", "trace/nothing%40mail.example", 404),
        ("HandleDeadLetters", "GET", "dead-letters/{dead_letter_id}", 200),
        ("HandleDeadLetters", "DELETE", "dead-letters/{dead_letter_id}", 204),
    ],
)
def test_api_answers_503_without_the_permission(
    deployed: Deployed,
    server: Server,
    dead_letter_id: str,
    sid: str,
    *,
    method: str,
    path: str,
    status: int,
) -> None:
    assert post_sms(deployed, server, f"For the API, {sid}") == 200
    (context,) = deployed.contexts("SMS_REPLIES")
    conversation_id = context["conversation"]["conversation_id"]
    filled = path.format(conversation_id=conversation_id, dead_letter_id=dead_letter_id)
    url = f"{server.origin}/v1/{filled}"
    headers = {"authorization": f"Bearer {CLIENT.text}", "content-type": "application/json"}
    with deployed.without(sid, function="Server"):
        assert urllib3.request(method, url, headers=headers, retries=False).status == 503
    assert urllib3.request(method, url, headers=headers, retries=False).status == status


def test_server_spools_a_duplicate_without_the_permission_to_read_its_long_text(
    deployed: Deployed, server: Server
) -> None:
    webhook = deployed.webhook(ChannelType.EMAIL, body=LONG_TEXT, origin=server.origin)
    assert post(webhook)[0] == 200
    with deployed.without("ReadTextsAndRequests", function="Server"):
        assert post(webhook)[0] == 200
        assert deployed.spooled() == 1
    # The server may have taken the entry before it had the permission: then it waits a minute.
    eventually(lambda: deployed.spooled() == 0, VISIBILITY.total_seconds() + 20)
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1


def test_server_answers_503_without_permissions_for_table_and_spool(
    deployed: Deployed, server: Server
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, body="Neither", origin=server.origin)
    with deployed.without("RecordMessages", "Spool", function="Server"):
        assert post(webhook)[0] == 503
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("SMS_REPLIES")) == 1


def test_file_of_an_erased_message_is_not_taken_back_without_the_permission(
    deployed: Deployed, server: Server
) -> None:
    old_data, text = OldData(deployed), unique_name("Erased, and sent again")
    webhook = deployed.webhook(
        ChannelType.EMAIL, body=text, attachments=FILES, origin=server.origin
    )
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("EMAIL_REPLIES")) == 1
    old_data.make_old(text)
    assert deployed.purge() is None
    before = old_data.files()

    with deployed.without("TakeObjectsBack", function="Server"):
        post(webhook)
        assert old_data.files() - before
    eventually(lambda: deployed.spooled() == 0)
    post(webhook)
    assert old_data.files() == before
    assert deployed.contexts("EMAIL_REPLIES") == []
