"""One timer for many deadlines."""

import asyncio

import pytest

from entrypoints.http.limits.ticker import Ticker


def test_ticker_begins_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.http.limits.ticker.TICK_SECONDS", 0)

    async def checks() -> int:
        count = 0
        done = asyncio.Event()

        def check() -> bool:
            nonlocal count
            count += 1
            if count == 1:
                raise RuntimeError("a bug")
            done.set()
            return False

        asyncio.get_running_loop().set_exception_handler(lambda *_: ticker.start())
        ticker = Ticker(check)
        ticker.start()
        await asyncio.wait_for(done.wait(), 5)
        return count

    assert asyncio.run(checks()) == 2
