"""What has been kept for long enough goes by itself, on an emulator."""

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.channels import ChannelType
from tests.deployment.deployed import Deployed, post
from tests.deployment.old_things import OldThings

YOUNG = timedelta(days=29)
WHAT_THE_PURGE_MAY = (
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
def things(deployed: Deployed) -> OldThings:
    return OldThings(deployed)


def last_messages(deployed: Deployed) -> str:
    """The copies of messages in all conversations."""
    records = deployed.items("CONVERSATIONS")
    return json.dumps([record.get("last_message") for record in records])


def logged(deployed: Deployed) -> dict[str, Any]:
    """What the last purge said that it did."""
    log = deployed.log("Purge")
    line, _ = json.JSONDecoder().raw_decode(log[log.rindex('{"timestamp"') :])
    return dict(line)


def test_purge_erases_an_old_message_with_its_files_and_copies(
    deployed: Deployed, things: OldThings
) -> None:
    before = things.files()
    things.mail("An old one")
    request_id = deployed.message_item("An old one")["request_id"]
    assert len(things.files() - before) == 2
    assert "An old one" in last_messages(deployed)

    assert deployed.purge() is None
    (item,) = [item for item in deployed.items("MESSAGES") if item["request_id"] == request_id]
    assert item["state"] == {"S": "erased"}
    assert not {"content", "metadata", "inbound", "texts_left"} & item.keys()
    assert things.files() == before
    assert "An old one" not in last_messages(deployed)
    deployed.contexts("EMAIL_REPLIES")


def test_copy_of_a_purged_message_is_still_a_duplicate(
    deployed: Deployed, things: OldThings
) -> None:
    webhook = deployed.webhook(ChannelType.SMS, body="Old, and sent again")
    assert post(webhook)[0] == 200
    assert len(deployed.contexts("SMS_REPLIES")) == 1
    things.let_it_be_old("Old, and sent again")
    assert deployed.purge() is None

    assert post(webhook)[0] == 200
    assert deployed.contexts("SMS_REPLIES") == []
    assert deployed.message_state("Old, and sent again") is None


def test_purge_leaves_recent_data_unchanged(deployed: Deployed, things: OldThings) -> None:
    things.mail("A young one", YOUNG)
    things.unmatched_mail("Young and unmatched", YOUNG)
    things.imported_entry("young-entry", YOUNG)
    things.dead_letter("young-letter", YOUNG)
    before = things.files()

    assert deployed.purge() is None
    assert deployed.message_item("A young one")["state"] == {"S": "queued"}
    assert deployed.message_item("Young and unmatched")["state"] == {"S": "unmatched"}
    assert things.has_imported_entry("young-entry")
    assert things.has_dead_letter("young-letter")
    assert things.files() == before
    assert "A young one" in last_messages(deployed)
    deployed.contexts("EMAIL_REPLIES")


def test_purge_logs_how_much_it_purged_of_each_kind(deployed: Deployed, things: OldThings) -> None:
    things.mail("To be counted")
    things.unmatched_mail("Unmatched, to be counted")
    things.imported_entry("entry-to-be-counted")
    things.dead_letter("letter-to-be-counted")

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


@pytest.mark.parametrize("sid", WHAT_THE_PURGE_MAY)
def test_purge_fails_without_a_permission_and_completes_with_it(
    deployed: Deployed, things: OldThings, sid: str
) -> None:
    name = f"Not without {sid}"
    things.mail(name)
    things.unmatched_mail(f"Unmatched, {name}")
    things.imported_entry(f"entry-{sid}")
    things.dead_letter(f"letter-{sid}")
    with deployed.without(sid, function="Purge"):
        assert deployed.purge() == "Unhandled"

    assert deployed.purge() is None
    assert name not in json.dumps(deployed.items("MESSAGES")) + last_messages(deployed)
    assert not things.has_imported_entry(f"entry-{sid}")
    assert not things.has_dead_letter(f"letter-{sid}")
    deployed.contexts("EMAIL_REPLIES")


def test_purge_completes_although_a_long_text_has_expired(
    deployed: Deployed, things: OldThings
) -> None:
    things.mail("Expired in part")
    for key in things.files():
        deployed.aws.s3.delete_object(Bucket=deployed.settings["BLOBS_BUCKET"], Key=key)
    assert deployed.purge() is None
    assert "Expired in part" not in json.dumps(deployed.items("MESSAGES"))
    deployed.contexts("EMAIL_REPLIES")
