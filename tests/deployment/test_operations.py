"""What the operations guide says is so."""

import re

from infrastructure.aws.sqs_queue import MAX_BATCH
from tests.documentation.documents import cells, text_of

GUIDE = "docs/operations.md"
MILLION = 1_000_000
KILOBYTES_OF_A_READ_UNIT = 4
PRICE_OF_A_MILLION_LISTINGS = 5.0
"""Of a bucket, in us-east-1."""

PERIODS_A_MONTH = 30 * 24 * 12
"""For five minutes DynamoDB and SQS keep a key of KMS."""
TABLES_OF_A_WEBHOOK = 3
CONNECTIONS = 4


def amount(cell: str) -> float:
    return float(cell.strip("* ") or 0)


def test_operating_costs_are_units_times_prices_and_their_sum() -> None:
    *rows, total = cells(GUIDE, "## Costs")
    for what, units, price, cost in rows:
        assert abs(amount(units) * amount(price) - amount(cost)) <= 0.005001, what
    assert round(sum(amount(cost) for *_, cost in rows), 2) == amount(total[-1])


def test_cost_units_match_the_units_of_the_tables_page() -> None:
    *rows, _ = cells(GUIDE, "## Costs")
    units = {what: amount(count) for what, count, *_ in rows}
    written = sum(
        int(match[0])
        for *_, text in cells("docs/tables.md", "## Cost of a webhook")
        if (match := re.match(r"\d+", text))
    )
    assert units["DynamoDB, write units on demand"] == written
    assert f"{(MAX_BATCH + 2) / MAX_BATCH} requests instead of 3" in text_of(GUIDE)


def test_kms_requests_follow_from_tables_connections_and_five_minutes() -> None:
    requests = TABLES_OF_A_WEBHOOK * CONNECTIONS * PERIODS_A_MONTH
    guide = " ".join(text_of(GUIDE).split())
    assert f"{PERIODS_A_MONTH:,} times a month" in guide
    assert f"uses three tables: {requests:,} requests" in guide
    *rows, _ = cells(GUIDE, "## Costs")
    units, price = next(map(amount, row[1:3]) for row in rows if row[0].startswith("KMS"))
    assert units == round(requests / MILLION, 1)

    # Two for each role that sends to a queue, one for each that receives.
    queue = (2 + 1) * PERIODS_A_MONTH
    cents = 100 * queue / MILLION * price
    assert f"{queue:,} requests a month for a queue" in guide
    assert f"{cents:.0f} cents, and {6 * cents:.0f} cents for all six" in guide


def test_purge_costs_follow_from_the_same_prices() -> None:
    *rows, _ = cells(GUIDE, "## Costs")
    prices = {what: amount(price) for what, _, price, _ in rows}
    read = prices["DynamoDB, read units on demand"]
    write = prices["DynamoDB, write units on demand"]
    units = MILLION // KILOBYTES_OF_A_READ_UNIT
    cents = 100 * units / MILLION * read
    guide = " ".join(text_of(GUIDE).split())
    assert f"{units:,} read units, {cents:.0f} cents a day" in guide
    erased = round(2 * PRICE_OF_A_MILLION_LISTINGS + 2 * write + read, 1)
    assert f"two write units and a read unit each: {erased:.2f} dollars" in guide
