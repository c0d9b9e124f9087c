"""A mail with a large file is in memory less than three times."""

import random
import tracemalloc

import pytest

from infrastructure.channels.sendgrid.simulator import Mode
from tests.builders import NOW
from tests.infrastructure.channels.sendgrid.webhooks import (
    SIMULATOR,
    URL,
    a_parser,
    as_received,
)

FILE_BYTES = 3_000_000


@pytest.mark.parametrize("mode", ["parsed", "raw"])
def test_mail_with_a_file_is_read_in_three_times_its_size(mode: Mode) -> None:
    file = ("report.pdf", "application/pdf", random.Random(1).randbytes(FILE_BYTES))
    mail = SIMULATOR.request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject="The report",
        text="Here it is.",
        now=NOW,
        mode=mode,
        attachments=[file],
    )
    request, parser = as_received(mail), a_parser()
    tracemalloc.start()
    try:
        (message,) = parser.parse(parser.validate(request))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [one.content for one in message.files] == [file[2]]
    assert len(request.body) + peak < 3 * len(request.body)
