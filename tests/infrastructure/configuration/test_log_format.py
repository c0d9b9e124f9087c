"""Log lines say what happened, and contain no content of messages."""

import io
import json
import logging

import pytest

from infrastructure.configuration.log_format import configure_logging, log_aws_request_id


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(level: str = "INFO", stream: io.StringIO | None = None) -> io.StringIO:
    target = stream or io.StringIO()
    configure_logging(level, target)
    return target


def test_log_line_is_one_json_object_with_only_known_fields() -> None:
    stream = logged()
    logging.getLogger("application.x").info(
        "message recorded", extra={"message_id": "SM1", "body": "Hello Ana", "status": 200}
    )
    line = json.loads(stream.getvalue())

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "application.x",
        "message": "message recorded",
        "message_id": "SM1",
        "status": 200,
    }


def _fail() -> None:
    names: dict[str, str] = {}
    try:
        names["+14155550123"]
    except KeyError as error:
        raise ValueError("Hello Ana") from error


def test_traceback_shows_places_and_types_without_messages() -> None:
    stream = logged()
    try:
        _fail()
    except ValueError:
        logging.getLogger("application").exception("webhook failed")
    text = stream.getvalue()

    assert "ValueError" in text
    assert "KeyError" in text
    assert "test_log_format.py" in text
    assert "Ana" not in text
    assert "4155550123" not in text


def test_traceback_of_errors_that_cause_each_other_ends() -> None:
    stream = logged()
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("application").error("webhook failed", exc_info=first)

    assert json.loads(stream.getvalue())["traceback"] == ["ValueError", "KeyError"]


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_log_lines_of_other_libraries_show_no_values(level: str) -> None:
    stream = logged(level)
    foreign = logging.getLogger("urllib3.connectionpool")
    foreign.debug("POST %s", "/Accounts/AC1/Messages")
    foreign.warning("Retrying %s", "+14155550123")
    foreign.warning("to +14155550123", extra={"message_id": "+14155550123"})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert [line["message"] for line in lines] == [
        "urllib3.connectionpool: Retrying %s",
        "urllib3.connectionpool: a message without form",
    ]
    assert "4155550123" not in stream.getvalue()


def test_log_lines_on_a_terminal_are_readable_and_have_no_escape_sequences_of_ids() -> None:
    stream = logged(stream=Terminal())
    logging.getLogger("application").info("done", extra={"message_id": "<\x1b[31m@x>"})
    text = stream.getvalue()

    assert "done" in text
    assert "message_id=" in text
    assert "\x1b[31m@x" not in text


def test_log_lines_of_an_invocation_have_its_request_id_and_no_other() -> None:
    stream = logged()
    logger = logging.getLogger("application")
    with log_aws_request_id("request-1"):
        logger.info("within")
        logging.getLogger("botocore").warning("near %s", "it", extra={"aws_request_id": "forged"})
    logger.info("after")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert [line.get("aws_request_id") for line in lines] == ["request-1", "request-1", None]


def test_log_lines_below_the_level_are_omitted() -> None:
    stream = logged("WARNING")
    logging.getLogger("domain").info("quiet")
    assert stream.getvalue() == ""
