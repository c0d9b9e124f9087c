"""Log lines on their way from a server to the commands that follow it."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.configuration.followed_log import FollowedLog, LogFollowers, follow_log

logger = logging.getLogger("application.receiving.receive_webhook")
APPLICATION = logging.getLogger("application")


@pytest.fixture
def followers(tmp_path: Path) -> Iterator[LogFollowers]:
    APPLICATION.setLevel(logging.INFO)
    followers = LogFollowers(tmp_path)
    yield followers
    followers.close()
    APPLICATION.setLevel(logging.NOTSET)


def handle(outcome: str, **fields: object) -> None:
    """What the server logs of a webhook."""
    logger.info("webhook handled", extra={"channel": "sms", "outcome": outcome, **fields})


def outcomes(log: FollowedLog) -> list[object]:
    """The outcomes of the lines that are there, without the line of the server itself."""
    return [line["outcome"] for line in log.read(0) if "server" not in line]


def test_follower_reads_each_webhook_and_which_process_handled_it(
    followers: LogFollowers, tmp_path: Path
) -> None:
    with follow_log(tmp_path) as log:
        followers.look()
        handle("recorded", request_id="R1", body="a secret")
        server, line = log.read(0)
    assert server == {"server": os.getpid()}
    assert line.pop("timestamp")  # type: ignore[attr-defined]
    assert line == {
        "level": "INFO",
        "logger": logger.name,
        "message": "webhook handled",
        "request_id": "R1",
        "channel": "sms",
        "outcome": "recorded",
    }


def test_lines_about_no_webhook_are_not_followed(followers: LogFollowers, tmp_path: Path) -> None:
    with follow_log(tmp_path) as log:
        followers.look()
        logger.error("message given up", extra={"request_id": "R1"})
        assert outcomes(log) == []


def test_server_writes_nothing_while_nobody_follows(
    followers: LogFollowers, tmp_path: Path
) -> None:
    followers.look()
    assert followers not in APPLICATION.handlers
    with follow_log(tmp_path):
        followers.look()
        assert followers in APPLICATION.handlers
    followers.look()
    assert followers not in APPLICATION.handlers
    assert [*tmp_path.iterdir()] == []


def test_several_commands_follow_at_once(followers: LogFollowers, tmp_path: Path) -> None:
    with follow_log(tmp_path) as first:
        followers.look()
        handle("recorded")
        with follow_log(tmp_path) as second:
            followers.look()
            handle("duplicate")
            assert outcomes(second) == ["duplicate"]
        handle("refused")
        assert outcomes(first) == ["recorded", "duplicate", "refused"]


def test_command_goes_on_with_the_next_server(followers: LogFollowers, tmp_path: Path) -> None:
    with follow_log(tmp_path) as log:
        followers.look()
        handle("recorded")
        followers.close()
        assert outcomes(log) == ["recorded"]
        assert log.read(0) == []
        followers.look()
        handle("duplicate")
        assert outcomes(log) == ["duplicate"]


def test_slow_command_holds_up_no_webhook_and_reads_how_many_lines_it_lost(
    followers: LogFollowers, tmp_path: Path
) -> None:
    with follow_log(tmp_path) as log:
        followers.look()
        for number in range(1000):
            handle("recorded", request_id=str(number))
        read = [line for line in _all(log) if "server" not in line]
        handle("duplicate")
        lost, last = log.read(0)
    assert 0 < len(read) < 1000
    assert lost == {"lost": 1000 - len(read)}
    assert last["outcome"] == "duplicate"


def _all(log: FollowedLog) -> Iterator[dict[str, object]]:
    while lines := log.read(0):
        yield from map(dict, lines)


def test_pipe_of_a_killed_command_is_removed(followers: LogFollowers, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "follower-killed.pipe")
    followers.look()
    assert [*tmp_path.iterdir()] == []


def test_pipe_that_is_not_open_for_reading_yet_stays(
    followers: LogFollowers, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / ".follower-new.pipe.tmp")
    followers.look()
    assert len([*tmp_path.iterdir()]) == 1


def test_file_that_is_no_pipe_is_left_unchanged(followers: LogFollowers, tmp_path: Path) -> None:
    file = tmp_path / "follower-notes.pipe"
    file.write_text("notes")
    (tmp_path / "follower-link.pipe").symlink_to(file)
    followers.look()
    handle("recorded")
    assert file.read_text() == "notes"
    assert followers not in APPLICATION.handlers


def test_missing_directory_has_no_followers(tmp_path: Path) -> None:
    followers = LogFollowers(tmp_path / "missing")
    assert followers.look() is False
    assert not (tmp_path / "missing").exists()
