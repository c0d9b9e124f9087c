"""The purge of the deployed stage."""

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.deployment.deployed import Deployed, post
from tests.deployment.old_data import OldData

YOUNG = timedelta(days=29)
PURGE_PERMISSIONS = (
    "FindUnmatched",
    "FindMessages",
    "EraseMessages",
    "DeleteImportedEntries",
    "RemoveLastMessages",
    "FindFilesAndDeadLetters",
    "ReadLongTexts",
    "DeleteFilesAndDeadLetters",
)


@pytest.fixture
def old_data(deployed: Deployed) -> OldData:
    return OldData(deployed)


def last_messages(deployed: Deployed) -> str:
    """The copies of messages in all conversations."""
    records = deployed.items("CONVERSATIONS")
    return json.dumps([record.get("last_message") for record in records])


def logged(deployed: Deployed) -> dict[str, Any]:
    """The log line of the last purge."""
    log = deployed.log("Purge")
    line, _ = json.JSONDecoder().raw_decode(log[log.rindex('{"timestamp"') :])
    return dict(line)


def test_purge_erases_an_old_message_with_its_files_and_copies(
    deployed: Deployed, old_data: OldData
) -> None:
    before = old_data.files()
    old_data.mail("An old one")
    request_id = deployed.message_item("An old one")["request_id"]
    assert len(old_data.files() - before) == 2
    assert "An old one" in last_messages(deployed)

    assert deployed.purge() is None
    (item,) = [item for item in deployed.items("MESSAGES") if item["request_id"] == request_id]
    assert item["state"] == {"S": "erased"}
    assert not {"content", "metadata", "inbound", "texts_left"} & item.keys()
    assert old_data.files() == before
    assert "An old one" not in last_messages(deployed)
    deployed.contexts("EMAIL_REPLIES")


def test_copy_of_a_purged_message_is_still_a_duplicate(
    deployed: Deployed, old_data: OldData
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, body="Old, and sent again")
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("SMS_REPLIES")) == 1
    old_data.make_old("Old, and sent again")
    assert deployed.purge() is None

    assert post(webhook)[0] == 200
    assert deployed.contexts("SMS_REPLIES") == []
    assert deployed.message_state("Old, and sent again") is None


def test_purge_leaves_recent_data_unchanged(deployed: Deployed, old_data: OldData) -> None:
    old_data.mail("A young one", YOUNG)
    old_data.unmatched_mail("Young and unmatched", YOUNG)
    old_data.imported_entry("young-entry", YOUNG)
    old_data.dead_letter("young-letter", YOUNG)
    before = old_data.files()

    assert deployed.purge() is None
    assert deployed.message_item("A young one")["state"] == {"S": "queued"}
    assert deployed.message_item("Young and unmatched")["state"] == {"S": "unmatched"}
    assert old_data.has_imported_entry("young-entry")
    assert old_data.has_dead_letter("young-letter")
    assert old_data.files() == before
    assert "A young one" in last_messages(deployed)
    deployed.contexts("EMAIL_REPLIES")


def test_purge_logs_how_much_it_purged_of_each_kind(deployed: Deployed, old_data: OldData) -> None:
    old_data.mail("To be counted")
    old_data.unmatched_mail("Unmatched, to be counted")
    old_data.imported_entry("entry-to-be-counted")
    old_data.dead_letter("letter-to-be-counted")

    assert deployed.purge() is None
    line = logged(deployed)
    assert line["outcome"] == "complete"
    assert {place: number for place, number in line["result"].items() if number} == {
        "messages": 2,
        "last_messages": 1,
        "blobs": 2,
        "unmatched": 1,
        "dead_letters": 1,
    }
    assert '"place":"dead_letters"' in deployed.log("Purge")
    deployed.contexts("EMAIL_REPLIES")


@pytest.mark.parametrize("sid", PURGE_PERMISSIONS)
def test_purge_fails_without_a_permission_and_completes_with_it(
    deployed: Deployed, old_data: OldData, sid: str
) -> None:
    name = f"Not without {sid}"
    old_data.mail(name)
    old_data.unmatched_mail(f"Unmatched, {name}")
    old_data.imported_entry(f"entry-{sid}")
    old_data.dead_letter(f"letter-{sid}")
    with deployed.without(sid, function="Purge"):
        assert deployed.purge() == "Unhandled"

    assert deployed.purge() is None
    assert name not in json.dumps(deployed.items("MESSAGES")) + last_messages(deployed)
    assert not old_data.has_imported_entry(f"entry-{sid}")
    assert not old_data.has_dead_letter(f"letter-{sid}")
    deployed.contexts("EMAIL_REPLIES")


def test_purge_completes_although_a_long_text_has_expired(
    deployed: Deployed, old_data: OldData
) -> None:
    old_data.mail("Expired in part")
    for key in old_data.files():
        deployed.aws.s3.delete_object(Bucket=deployed.settings["BLOBS_BUCKET"], Key=key)
    assert deployed.purge() is None
    assert "Expired in part" not in json.dumps(deployed.items("MESSAGES"))
    deployed.contexts("EMAIL_REPLIES")
