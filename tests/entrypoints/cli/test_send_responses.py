"""The figures of ``frontdesk send --times``."""

import pytest

from entrypoints.cli.send_responses import latencies, print_summary
from entrypoints.cli.terminal.output import latency
from entrypoints.simulation.posting import Response


def test_latencies_are_minimum_median_p95_and_maximum() -> None:
    found = latencies([number / 1000 for number in range(100, 0, -1)])
    assert found == "min 1.0 ms, median 50 ms, p95 95 ms, max 100 ms"


def test_one_latency_is_all_of_them() -> None:
    assert latencies([0.5]) == "min 500 ms, median 500 ms, p95 500 ms, max 500 ms"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00123, "1.2 ms"), (0.0123, "12 ms"), (1.234, "1.23 s")]
)
def test_a_latency_has_the_digits_that_are_of_interest(seconds: float, shown: str) -> None:
    assert latency(seconds) == shown


def test_a_summary_counts_responses_and_leaves_those_that_never_came_out_of_the_latencies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    responses = [
        Response("SM1", 0.010, 200),
        Response("SM2", 0.030, 200),
        Response("SM3", 0.020, 599),
        Response("SM4", 15.0, problem="no answer within 15 s"),
    ]
    print_summary(responses, 2.0, 4)
    assert capsys.readouterr().out.splitlines() == [
        "answer                 count",
        "200 OK                     2",
        "599                        1",
        "no answer within 15 s      1",
        "4 webhooks in 2.00 s, 4 at once: 2 per second",
        "latency: min 10 ms, median 20 ms, p95 30 ms, max 30 ms",
        "4 message ids, first SM1",
    ]
